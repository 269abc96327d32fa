"""A slowdown that pairs have found is told with its place: the part of the model, and the operators that are new."""

import json

import pytest

NETS = """
import torch
from torch import nn


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(32, 32, 3, padding=1)

    def forward(self, images):
        return torch.relu(self.conv(images))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 32, 1)
        self.first = nn.Sequential(Block(), Block())
        self.second = nn.Sequential(BLOCKS)

    def forward(self, images):
        return self.second(self.first(self.stem(images))).mean((2, 3))
"""
TEST = """
def test_net(build_model, modelbench):
    modelbench.latency(build_model("nets:Net", image_size=48))
"""
FAST, SLOW = NETS.replace("BLOCKS", "Block(), Block()"), NETS.replace("BLOCKS", "*(Block() for _ in range(6))")


@pytest.fixture
def committed(pytester, git):
    """Commits the test beside a model, as what is compared with, in so many pairs."""

    def write(nets, pairs, band="5%"):
        pytester.makepyprojecttoml(
            f"[tool.pytest.ini_options]\npythonpath = ['.']\n[tool.modelbench]\npairs = [{pairs}]\n"
            f"[tool.modelbench.bands]\nlatency = '{band}'\n"
        )
        pytester.makepyfile(nets=nets, test_it=TEST)
        git("init", "--quiet")
        git("add", "--all")
        git("commit", "--quiet", "--message", "a model")

    return write


@pytest.mark.slow
def test_a_slower_model_is_told_with_the_part_that_slowed(pytester, bench, committed):
    committed(FAST, pairs=3)
    pytester.makepyfile(nets=SLOW)
    result = bench("--modelbench-against=HEAD", "--modelbench-json=results.json", rounds="")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*latency regressed by *",
            "  where     second, +* of +* (timed with hooks)",
            "            .* +* .*",
            "  what      +* Conv2d*",
            "  calls     +4 aten::convolution, +4 aten::relu*",
        ]
    )
    # What decided is as many pairs as were asked for; the one that was asked where counts with none.
    (check,) = json.loads((pytester.path / "results.json").read_text())["session"]["checks"]
    assert check["judgement"]["pairs"] == 3
    (placed,) = [reason for reason in check["judgement"]["reasons"] if reason["kind"] == "placed"]
    assert {item["module"].partition(".")[0] for item in placed["calls"]["items"]} == {"second"}


@pytest.mark.slow
def test_a_faster_model_passes_and_is_told_with_the_part_that_became_faster(pytester, bench, committed):
    committed(SLOW, pairs=3)
    pytester.makepyfile(nets=FAST)
    result = bench("--modelbench-against=HEAD", rounds="")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["    nets.Net-b1-48-fp32 latency -*%, in second: -* of -*"])


@pytest.mark.slow
def test_nothing_more_is_measured_where_nothing_changed(pytester, bench, committed):
    committed(FAST, pairs=2, band="60%")
    pytester.makepyfile(nets=f"{FAST}\nNAME = 'other code that does the same'\n")
    result = bench("--modelbench-against=HEAD", "-v", rounds="")
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*finding where*")
    result.stdout.fnmatch_lines(["*4 processes*"])
