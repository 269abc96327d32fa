"""Projects with a planted fault, and what the gate makes of them.

planted.py copy FOLDER               a copy of this repository's own benchmarks, as a repository
planted.py commit FOLDER MESSAGE     all that is in it, committed
planted.py slow OUT DEVICE           slower kernels, more launches, and nothing: found, found, and not
planted.py poison OUT DEVICE         tests that take all memory, or break the device's context, and their neighbours
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from run import MEASURED, ROOT

from pytest_modelbench.core.verdicts import Verdict
from pytest_modelbench.store.results import read_results

ZOO = '''
"""A ResNet of stages that a commit can lengthen, and tiny kernels that one can add."""

from timm.models.resnet import Bottleneck, ResNet
from torch import nn

LAYERS = {layers}
TINY = {tiny}  # kernels that compute next to nothing: what they cost is their launch


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = ResNet(Bottleneck, LAYERS)

    def forward(self, images):
        for _ in range(TINY):
            images = images.add(0.0)
        return self.net(images)
'''
TESTS = """
import pytest

@pytest.mark.parametrize("batch", {batches})
def test_zoo(batch, build_model, modelbench):
    modelbench.latency(build_model("zoo:Net", batch_size=batch, image_size={size}, name="zoo"))
"""
#: What is planted, what it is done to, and whether it is to be found. Of 16 blocks two more, or of 175 kernels 20 more.
PLANTED = {
    "two more blocks": ({"layers": (3, 4, 8, 3)}, True),
    "20 more launches": ({"tiny": 20}, True),
    "nothing": ({}, False),
}
POISON = """
import torch

def small():
    return torch.nn.Flatten()

class Assert(torch.nn.Module):
    def forward(self, images):
        where = images.flatten()[:4].long() + 10**6
        return torch.zeros(4, device=images.device)[where].reshape(1, 4)

class Huge(torch.nn.Module):
    def forward(self, images):
        _, total = torch.cuda.mem_get_info()
        two = [torch.empty(total * 2 // 3, dtype=torch.uint8, device=images.device) for _ in range(2)]
        return two[0][:1].reshape(1, 1)

def test_1_takes_too_much(build_model, modelbench):
    modelbench.latency(build_model(Huge, image_size=8, name="huge"))

def test_2_has_all_memory_again(build_model, modelbench):
    free, total = torch.cuda.mem_get_info()
    torch.empty(free * 9 // 10, dtype=torch.uint8, device="cuda")
    modelbench.latency(build_model(small, image_size=8, name="a"))

def test_3_breaks_the_context(build_model, modelbench):
    modelbench.latency(build_model(Assert, image_size=8, name="assert"))

def test_4_is_innocent(build_model, modelbench):
    modelbench.latency(build_model(small, image_size=8, name="b"))
"""


def main() -> int:
    what, *arguments = sys.argv[1:]
    return {"copy": copy, "commit": commit, "slow": slow, "poison": poison}[what](*arguments)


def copy(folder: str) -> int:
    """A repository of what is measured here, with three processes behind a baseline."""
    target = Path(folder)
    shutil.rmtree(target, ignore_errors=True)
    for name in MEASURED:
        place = target / name
        place.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, place)
    settings = (target / "pyproject.toml").read_text()
    begin = "[tool.modelbench]\n"
    (target / "pyproject.toml").write_text(settings.replace(begin, f"{begin}update-rounds = 3\n"))
    git(target, "init", "--quiet")
    return commit(folder, "code")


def commit(folder: str, message: str) -> int:
    if not Path(folder, ".git").is_dir():
        print(f"{folder} is no repository of its own: nothing is committed")
        return 1
    git(Path(folder), "add", "--all")
    git(Path(folder), "commit", "--quiet", "--allow-empty", "--message", message)
    return 0


def slow(out: str, device: str) -> int:
    """Exit status 1 if something planted was not found, or nothing was."""
    folder = Path(tempfile.mkdtemp())
    batches, size = ("(1, 64)", 224) if device != "cpu" else ("(1,)", 64)
    plain = {"layers": (3, 4, 6, 3), "tiny": 0}
    (folder / "pyproject.toml").write_text(
        "[tool.pytest.ini_options]\npythonpath = ['.']\n\n[tool.modelbench]\nupdate-rounds = 3\n"
    )
    (folder / "test_zoo.py").write_text(TESTS.format(batches=batches, size=size))
    (folder / "zoo.py").write_text(ZOO.format(**plain))
    (folder / ".gitignore").write_text("__pycache__\n")
    git(folder, "init", "--quiet")
    commit(str(folder), "code")
    session(folder, device, "--update-baselines", "-q")
    commit(str(folder), "baselines")
    wrong = 0
    # A CPU launches nothing: what a kernel costs there is its own.
    planted = {what: how for what, how in PLANTED.items() if device != "cpu" or "launches" not in what}
    for message, (change, is_slower) in planted.items():
        (folder / "zoo.py").write_text(ZOO.format(**{**plain, **change}) + f"\nWHAT = {message!r}\n")
        commit(str(folder), message)
        only = ["-k", "1"] if message == "20 more launches" else []
        name = message.replace(" ", "_")
        results = Path(out, f"{name}.json")
        status = session(folder, device, "--modelbench-budget=80s", f"--modelbench-json={results}", *only)
        verdicts = [check.judgement.verdict for check in read_results(results).checks] if results.exists() else []
        right = status == (1 if is_slower else 0) and {*verdicts} <= (
            {Verdict.REGRESSED} if is_slower else {Verdict.OK, Verdict.UNCHANGED}
        )
        right = right and bool(verdicts)
        said = ", ".join(verdict.value for verdict in verdicts) or "nothing was measured"
        print(f"PLANTED {message}: exit status {status}, {said}: {'as it should be' if right else 'WRONG'}")
        wrong += not right
    return int(wrong > 0)


def poison(out: str, device: str) -> int:
    """Exit status 1 if a test fails that is innocent, or one passes that is not."""
    folder = Path(tempfile.mkdtemp())
    (folder / "test_poison.py").write_text(POISON)
    git(folder, "init", "--quiet")
    report = Path(out, "poison.xml")
    session(folder, device, "-q", "--tb=line", "-rA", f"--junitxml={report}")
    failed = {case.split('"')[0] for case in report.read_text().split('name="')[1:] if "<failure" in case}
    print("failed:", sorted(failed))
    return int(failed != {"test_1_takes_too_much", "test_3_breaks_the_context"})


def session(folder: Path, device: str, *arguments: str) -> int:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "--modelbench",
        f"--device={device}",
        *arguments,
    ]
    return subprocess.run(command, cwd=folder, check=False).returncode


def git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.org")
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True)


if __name__ == "__main__":
    sys.exit(main())
