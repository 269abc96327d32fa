"""All that shows what this package is worth on a GPU, in the order of what matters most, from one command.

    python tests/gpu/session/run.py [STEP ...] [--device cuda] [--out gpu-session]

Steps: facts truth tests gate planted lines again poison; without any, all of them, a quarter of an hour on a fast card.
Each is ended at its limit, writes what it says to ``OUT/STEP.txt`` and its figures beside that, and does not keep the
others from running. On ``--device=cpu`` the same runs in small, to see that it does. Nothing on the card is set.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
#: What a session of this repository measures of itself: its own benchmarks, in a copy that is a repository of its own.
MEASURED = ("tests/benchmarks", "conftest.py", "pyproject.toml", "pytest_modelbench", ".gitignore")


@dataclass(frozen=True)
class Step:
    """One command after the other, in a folder, for at most so many seconds."""

    commands: Sequence[Sequence[str]]
    folder: Path
    limit_s: float


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("steps", nargs="*", metavar="STEP")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--out", type=Path, default=Path("gpu-session"))
    arguments = parser.parse_args()
    out: Path = arguments.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    steps = every_step(arguments.device, out)
    if unknown := set(arguments.steps) - set(steps):
        parser.error(f"no such step: {', '.join(sorted(unknown))}; there are {', '.join(steps)}")
    failed = []
    for name in arguments.steps or steps:
        if not run(name, steps[name], out):
            failed.append(name)
        with tarfile.open(out.with_suffix(".tar.gz"), "w:gz") as archive:
            archive.add(out, out.name)
    print(
        f"\nfailed: {', '.join(failed)}" if failed else "\nevery step passed", f"\nall of it: {out}.tar.gz", flush=True
    )
    return bool(failed)


def every_step(device: str, out: Path) -> dict[str, Step]:
    """The steps by their names, in their order."""
    python, copy = sys.executable, out / "copy"
    pytest = [python, "-m", "pytest", "-p", "no:cacheprovider"]
    gate = [*pytest, "--modelbench", f"--device={device}", "tests/benchmarks"]
    only = [] if device != "cpu" else ["-k", "test_inference and mobilenetv3_small_100"]
    lines = "resnet50-baseline or resnet50-amp or vgg16-postact or efficientnet-rwightman"
    script = [python, str(HERE / "truth.py"), str(out), device]
    return {
        "facts": Step([[python, str(HERE / "facts.py"), device]], ROOT, 60),
        "truth": Step([script], ROOT, 180),
        "tests": Step([[*pytest, "-q", "-m", "gpu", "tests/gpu", "--durations=0", "--tb=short"]], ROOT, 150),
        "gate": Step(
            [
                [python, str(HERE / "planted.py"), "copy", str(copy)],
                [*gate, *only, "-q", "--update-baselines", f"--modelbench-json={out}/accepted.json"],
                [python, str(HERE / "planted.py"), "commit", str(copy), "baselines"],
                [*gate, *only, "--modelbench-missing=fail", f"--modelbench-json={out}/gate.json"],
            ],
            copy,
            300,
        ),
        "planted": Step([[python, str(HERE / "planted.py"), "slow", str(out), device]], ROOT, 420),
        "lines": Step(
            [
                [
                    *gate[:-1],
                    "--modelbench-suite=speed-lines",
                    "-rP",
                    "-q",
                    "tests/benchmarks/test_techniques.py",
                    "-k",
                    lines,
                ]
            ],
            ROOT,
            90,
        ),
        "again": Step([[*gate, *only, f"--modelbench-json={out}/gate-{turn}.json"] for turn in (2, 3)], copy, 180),
        "poison": Step([[python, str(HERE / "planted.py"), "poison", str(out), device]], ROOT, 90),
    }


def run(name: str, step: Step, out: Path) -> bool:
    """Whether all commands of ``step`` ended well; what they said goes to a file, its end to the terminal."""
    begun, said = time.monotonic(), out / f"{name}.txt"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    status = 0
    with said.open("w") as file:
        for command in step.commands:
            left_s = step.limit_s - (time.monotonic() - begun)
            folder = step.folder if step.folder.exists() else ROOT
            if status := ended(command, folder, environment, file, max(left_s, 1)):
                break  # the next one would work on what this one should have left
    lines = said.read_text(errors="replace").splitlines()
    width = shutil.get_terminal_size().columns
    print(f"== {name}: exit status {status} after {time.monotonic() - begun:.0f} s", flush=True)
    print("\n".join(line[:width] for line in lines[-14:]), flush=True)
    return status == 0


def ended(command: Sequence[str], folder: Path, environment: dict[str, str], said: TextIO, limit_s: float) -> int:
    """How ``command`` ended, with all that it started, after ``limit_s`` at most (124)."""
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=said, stderr=subprocess.STDOUT, start_new_session=True
    ) as running:
        try:
            return running.wait(limit_s)
        except subprocess.TimeoutExpired:
            # A session of tests ends its workers, which are in groups of their own.
            for number, patience_s in ((signal.SIGTERM, 20.0), (signal.SIGKILL, 5.0)):
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(running.pid, number)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    running.wait(patience_s)
                    break
            return 124


if __name__ == "__main__":
    sys.exit(main())
