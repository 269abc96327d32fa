"""The project that the trust trials measure: timm models in a git repository, ours and the peers' tests of them.

``VARIANT`` in its ``nets.py`` is what the trials' commits change: each variant makes one model really slower or faster.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from machine import SMALL_MODELS

#: Name of the variant: the model that it changes. What each does stands in ``nets.py``; how much it costs is measured.
VARIANTS = {
    "one_more_block": "resnet50",
    "heavier_block": "convnext_atto",
    "two_more_blocks": "efficientnet_b0",
    "extra_copies": "vit_tiny_patch16_224",
    "larger_kernel": "resnet18",
    "one_block_less": "vit_tiny_patch16_224",
}

NETS = '''"""The models of this project."""

import copy

import timm
import torch
from torch import nn

VARIANT = {variant!r}


def net(name):
    """A timm model in eval mode, as the project has it at this commit."""
    torch.manual_seed(0)
    model = timm.create_model(name, num_classes=1000)
    if VARIANT and CHANGES[VARIANT][0] == name:
        CHANGES[VARIANT][1](model)
    return model.eval()


def one_more_block(model):
    model.layer3.append(copy.deepcopy(model.layer3[-1]))


def two_more_blocks(model):
    model.blocks[4].append(copy.deepcopy(model.blocks[4][-1]))
    model.blocks[3].append(copy.deepcopy(model.blocks[3][-1]))


def extra_copies(model):
    for block in model.blocks:
        block.mlp.fc1.register_forward_hook(lambda module, inputs, output: output.double().float())


def larger_kernel(model):
    conv = model.layer2[1].conv1
    model.layer2[1].conv1 = nn.Conv2d(conv.in_channels, conv.out_channels, 9, conv.stride, 4, bias=False)


def heavier_block(model):
    model.stages[2].blocks.append(copy.deepcopy(model.stages[2].blocks[-1]))


def one_block_less(model):
    model.blocks = nn.Sequential(*list(model.blocks)[:-1])


CHANGES = {{name: (model, globals()[name]) for name, model in {variants}.items()}}
'''

#: Which models there are, told without importing torch: collecting tests stays fast.
NAMES = "MODELS = {models}\n"

OURS = """import pytest
from names import MODELS


@pytest.mark.modelbench
@pytest.mark.parametrize("name", MODELS)
def test_model(name, build_model, modelbench):
    def model():
        from nets import net

        return net(name)

    built = build_model(model, image_size=MODELS[name])
    modelbench.latency(built)
    modelbench.throughput(built)
"""

#: pytest-benchmark as its documentation has it, one thread as ours.
PEER = """import pytest
import torch
from names import MODELS
from nets import net


@pytest.mark.parametrize("name", MODELS)
def test_model(name, benchmark):
    torch.set_num_threads(1)
    model, images = net(name), torch.randn(1, 3, MODELS[name], MODELS[name])
    with torch.inference_mode():
        benchmark(model, images)
"""

#: The plain rule: the median of 20 calls after 5 of warm-up, printed as JSON.
PLAIN = """import json
import statistics
import time

import torch
from names import MODELS
from nets import net

torch.set_num_threads(1)
medians = {}
for name, size in MODELS.items():
    model, images = net(name), torch.randn(1, 3, size, size)
    laps = []
    with torch.inference_mode():
        for number in range(25):
            start = time.perf_counter()
            model(images)
            laps.append(time.perf_counter() - start)
    medians[name] = statistics.median(laps[5:])
print(json.dumps(medians))
"""


class Project:
    """The repository at ``folder`` with these ``models``, by name with their image size; made if it is not there."""

    def __init__(self, folder: Path, models: Mapping[str, int] = SMALL_MODELS) -> None:
        self.folder, self.models = folder, dict(models)
        if (folder / ".git").is_dir():
            return
        (folder / "peer").mkdir(parents=True)
        (folder / "tests").mkdir()
        (folder / "pyproject.toml").write_text("[tool.pytest.ini_options]\npythonpath = ['.']\ntestpaths = ['tests']\n")
        (folder / ".gitignore").write_text("__pycache__\n.pytest_cache\n.benchmarks\nresults*.json\n")
        (folder / "names.py").write_text(NAMES.format(models=self.models))
        (folder / "tests" / "test_models.py").write_text(OURS)
        (folder / "peer" / "test_peer.py").write_text(PEER)
        (folder / "peer" / "plain.py").write_text(PLAIN)
        self.git("init", "--quiet")
        self.commit(None, "the models")

    def git(self, *arguments: str) -> str:
        """What a git command prints."""
        identity = ["-c", "user.name=trial", "-c", "user.email=trial@example.org"]
        done = subprocess.run(
            ["git", *identity, *arguments], cwd=self.folder, stdout=subprocess.PIPE, text=True, check=True
        )
        return done.stdout.strip()

    def commit(self, variant: str | None, message: str) -> str:
        """The commit that makes the project what ``variant`` says, with ``message`` in code: a remark would be none."""
        code = NETS.format(variant=variant, variants=VARIANTS)
        (self.folder / "nets.py").write_text(f"{code}\nLAST_CHANGE = {message!r}\n")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")

    def environment(self) -> dict[str, str]:
        """Of a session in it; what is on the path already comes after."""
        path = os.pathsep.join(filter(None, [str(self.folder), os.environ.get("PYTHONPATH", "")]))
        return {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
