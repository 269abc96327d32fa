"""Slowdowns planted in one part of a model, as commits: what a session says of where they are, by time.

    python tests/trials/planted_times.py [--project FOLDER]

One latency check of one model, its baseline accepted once; each slowdown is a commit on top of it, in a session of its
own. Resumes where it was interrupted. Raw in ``results/planted_times-<machine>.json``: the verdict, the lines that say
where, and whether the first of them names the part that was changed, or one right above or below it.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from machine import RESULTS, describe, slug

from pytest_modelbench.store.results import read_results

#: What is planted, and the part of the model that it is in.
PLANTED = {
    "heavier block": "stages.2.1",
    "larger kernel": "stages.2.0.spatial",
    "another norm": "stages.0.1.norm",
    "another activation": "stages.0.0.act",
    "copies of layout": "stages.0.0",
    "a loop over the batch": "stages.1.1",
    "called twice": "stages.1.1",
    "float64 inside": "stages.0.0",
    "through numpy and back": "stages.0.1",
    "a wait in Python": "stages.1.0",
    "a Python loop": "stages.2.1",
    "attention by hand": "mix",
    "a sort": "head",
    "one more block": "stages.3",
}
NETS = '''"""One model; PLANTED is what this commit has in it."""

import time

import torch
from torch import nn
from torch.nn import functional

PLANTED = {planted!r}


class Block(nn.Module):
    def __init__(self, width, planted=""):
        super().__init__()
        self.planted = planted
        kernel = 9 if planted == "larger kernel" else 3
        ratio = 10 if planted == "heavier block" else 2
        self.spatial = nn.Conv2d(width, width, kernel, padding=kernel // 2)
        self.norm = nn.GroupNorm(8, width) if planted == "another norm" else nn.BatchNorm2d(width)
        self.expand = nn.Conv2d(width, ratio * width, 1)
        self.act = nn.Mish() if planted == "another activation" else nn.ReLU(inplace=True)
        self.reduce = nn.Conv2d(ratio * width, width, 1)

    def inner(self, images):
        return self.reduce(self.act(self.expand(self.norm(self.spatial(images)))))

    def forward(self, images):
        inner = self.inner
        if self.planted == "copies of layout":
            for _ in range(4):
                images = images.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2).contiguous()
        if self.planted == "a loop over the batch":
            return images + torch.cat([inner(image[None]) for image in images for _ in range(2)])[::2]
        if self.planted == "called twice":
            return images + inner(inner(images))
        if self.planted == "float64 inside":
            return images + self.reduce(self.act(self.expand(self.norm(self.spatial(images))).double().tanh()).float())
        if self.planted == "through numpy and back":
            for _ in range(4):
                images = torch.from_numpy(images.numpy().astype("float64").astype("float32"))
        if self.planted == "a wait in Python":
            time.sleep(0.003)
        if self.planted == "a Python loop":
            sum(number * number for number in range(40_000))
        return images + inner(images)


class Mix(nn.Module):
    def forward(self, tokens):
        if PLANTED == "attention by hand":
            for _ in range(16):
                scores = (tokens @ tokens.transpose(-1, -2) / 8).softmax(-1)
            return scores.double().float() @ tokens
        return functional.scaled_dot_product_attention(tokens, tokens, tokens)


class Head(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.fc = nn.Linear(width, 1000)

    def forward(self, tokens):
        if PLANTED == "a sort":
            for _ in range(6):
                tokens = tokens.sort(1).values
        return self.fc(tokens.mean(1))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        widths, where = (32, 64, 96, 128), {where!r}
        parts = []
        for stage, width in enumerate(widths):
            before = 3 if stage == 0 else widths[stage - 1]
            blocks = [Block(width, PLANTED if where.startswith(f"stages.{{stage}}.{{number}}") else "")
                      for number in range(2)]
            if PLANTED == "one more block" and stage == 3:
                blocks.append(Block(width))
            parts.append(nn.Sequential(*blocks))
        self.down = nn.ModuleList(
            nn.Conv2d(3 if stage == 0 else widths[stage - 1], width, 4 if stage == 0 else 2, 4 if stage == 0 else 2)
            for stage, width in enumerate(widths)
        )
        self.stages = nn.ModuleList(parts)
        self.mix, self.head = Mix(), Head(widths[-1])

    def forward(self, images):
        for down, stage in zip(self.down, self.stages):
            images = stage(down(images))
        return self.head(self.mix(images.flatten(2).transpose(1, 2)))
'''
TEST = """
def test_net(build_model, modelbench):
    modelbench.latency(build_model("nets:Net", batch_size=4, image_size=160))
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--project", type=Path, default=Path(tempfile.gettempdir(), "modelbench-planted"))
    folder = parser.parse_args().project
    machine = describe()
    path = RESULTS / f"planted_times-{slug(machine)}.json"
    done = json.loads(path.read_text()) if path.exists() else {"machine": machine, "planted": []}
    if not (folder / ".git").is_dir():
        begin(folder)
    known = {one["what"] for one in done["planted"]}
    for what, part in PLANTED.items():
        if what in known:
            continue
        git(folder, "checkout", "--quiet", "main")
        (folder / "nets.py").write_text(NETS.format(planted=what, where=part))
        git(folder, "checkout", "--quiet", "-B", "planted")
        git(folder, "commit", "--quiet", "--all", "--message", what)
        done["planted"].append({"what": what, "part": part, **told(folder, part)})
        path.write_text(json.dumps(done, indent=1) + "\n")
        print(json.dumps(done["planted"][-1], indent=1), flush=True)
    right = sum(one["named"] for one in done["planted"])
    print(f"{right} of {len(done['planted'])} name the part")


def begin(folder):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pyproject.toml").write_text("[tool.pytest.ini_options]\npythonpath = ['.']\n")
    (folder / ".gitignore").write_text("__pycache__\n.pytest_cache\nresults.json\n")
    (folder / "test_net.py").write_text(TEST)
    (folder / "nets.py").write_text(NETS.format(planted="", where=""))
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "code")
    session(folder, "--update-baselines")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "baselines")


def told(folder, part):
    """What a session says of what is committed now."""
    start = time.monotonic()
    session(folder)
    (check,) = read_results(folder / "results.json").checks
    (test,) = read_results(folder / "results.json").tests
    lines = [line.strip() for line in (test.message or "").splitlines()]
    at = next((place for place, line in enumerate(lines) if line.startswith("where ")), None)
    where = [] if at is None else lines[at : at + 5]
    found = re.split(r"[, ]", where[0].removeprefix("where").strip())[0] if where else ""
    near = found == part or part.startswith(f"{found}.") or found.startswith(f"{part}.")
    return {
        "verdict": check.judgement.verdict.value,
        "ratio": check.judgement.ratio,
        "found": found,
        "named": bool(found) and near,
        "lines": where,
        "wall_s": round(time.monotonic() - start, 1),
    }


def session(folder, *arguments):
    command = [sys.executable, "-m", "pytest", "-q", "--modelbench", "--device=cpu", "--modelbench-json=results.json"]
    subprocess.run([*command, *arguments], cwd=folder, capture_output=True, text=True, check=False)


def git(folder, *arguments):
    who = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.org")
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True)


if __name__ == "__main__":
    main()
