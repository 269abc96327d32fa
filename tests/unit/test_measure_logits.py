"""Where in what a model returns its logits are."""

from __future__ import annotations

from collections import UserDict, namedtuple
from dataclasses import dataclass
from types import SimpleNamespace

import pytest
import torch

from pytest_modelbench.core.errors import MeasureError
from pytest_modelbench.measure.logits import OF_CLASSES, OF_PIXELS, described, logits_in

ROWS = torch.tensor([[0.1, 0.9], [0.7, 0.3]])
MAPS = torch.zeros(1, 2, 4, 4)


@dataclass
class Output:
    logits: torch.Tensor
    loss: object = None


@pytest.mark.parametrize(
    "output",
    [
        ROWS,
        Output(ROWS),
        SimpleNamespace(logits=ROWS, hidden=torch.zeros(2, 3, 4)),
        {"loss": None, "logits": ROWS},
        UserDict(logits=ROWS),
        (torch.tensor([1, 2]), ROWS, torch.zeros(2, 3)),
        namedtuple("Pair", "features logits")(torch.zeros(2, 8), ROWS),
    ],
)
def test_logits_are_what_is_called_so_or_comes_first(output):
    assert logits_in(output, OF_CLASSES) is ROWS


def test_segmenters_may_call_them_out():
    assert logits_in({"out": MAPS, "aux": torch.zeros(1, 2, 4, 4)}, OF_PIXELS) is MAPS
    with pytest.raises(MeasureError, match=r"the model returns a dict with out \(2, 2\), and which of it are"):
        logits_in({"out": ROWS}, OF_CLASSES)


def test_a_function_of_the_tests_own_comes_before_all_that():
    assert logits_in({"logits": torch.zeros(2, 9), "head": ROWS}, OF_CLASSES, lambda found: found["head"]) is ROWS


@pytest.mark.parametrize(
    ("output", "told"),
    [
        (torch.zeros(2, 197, 768), r"a tensor \(2, 197, 768\)"),
        ((torch.zeros(2, 3, 4), ROWS), r"a tuple with \(2, 3, 4\), \(2, 2\)"),
        ([ROWS], r"a list with \(2, 2\)"),
        (Output(torch.zeros(2)), r"an Output with logits \(2,\), loss NoneType"),
        (3, "an int"),
    ],
)
def test_anything_else_is_refused_with_what_it_holds(output, told):
    message = rf"the model returns {told}, and which of it are the logits \(N, classes\) is not known; pass logits="
    with pytest.raises(MeasureError, match=message):
        logits_in(output, OF_CLASSES)


def test_function_that_finds_none_is_told_with_what_there_is():
    output = {"head": ROWS}
    with pytest.raises(MeasureError, match=r"logits= fails on .* a dict with head \(2, 2\): KeyError: 'tail'"):
        logits_in(output, OF_CLASSES, lambda found: found["tail"])
    with pytest.raises(MeasureError, match=r"logits= returns a tensor \(2,\); let it return .* \(N, classes\)"):
        logits_in(output, OF_CLASSES, lambda found: found["head"][0])


def test_large_outputs_are_told_in_part():
    assert described({f"part{number}": 1 for number in range(10)}).endswith("part7 int and 2 more")
