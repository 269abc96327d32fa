"""What tells a test's own callables apart, in every process alike."""

from __future__ import annotations

import sys
from functools import partial

import pytest
from torch import nn
from torch.nn import functional as F  # noqa: N812

from pytest_modelbench.core.callables import identity, short_name


def loss(output):
    return output


def made():
    def within(output):
        return output

    return within


class Focal:
    def __init__(self, gamma):
        self.gamma, self._cache, self.weights = gamma, 3, [1, 2]

    def __call__(self, output):
        return output

    def halved(self, output):
        return output / 2


HERE = "test_core_callables"
# Laid out by hand, as lambdas are known by how they are written.
# fmt: off
ONE = lambda output: output.loss  # noqa: E731
SPACED = lambda  output : (output . loss)  # noqa: E731
OTHER = lambda output: output.loss * 2  # noqa: E731
TWO = (lambda a: a, lambda b: -b)
ALIKE = (lambda a: a, lambda a: -a)


def closed(scale, other):
    return (lambda a: a * scale, lambda a: a * other, lambda a: a + other, lambda a: a)


# fmt: on
#: What Python 3.10 cannot tell apart is told together.
BESIDE = "" if sys.version_info >= (3, 11) else " | lambda a: a + other"


@pytest.mark.parametrize(
    ("given", "short", "whole"),
    [
        (loss, "loss", f"{HERE}.loss"),
        (made(), "within", f"{HERE}.within"),
        (F.cross_entropy, "cross_entropy", "functional.cross_entropy"),
        (
            partial(F.cross_entropy, label_smoothing=0.1, reduction="sum"),
            "cross_entropy",
            "functional.cross_entropy(label_smoothing=0.1, reduction=sum)",
        ),
        (partial(loss, made()), "loss", f"{HERE}.loss({HERE}.within)"),
        (
            nn.CrossEntropyLoss(label_smoothing=0.1),
            "CrossEntropyLoss",
            "loss.CrossEntropyLoss(ignore_index=-100, label_smoothing=0.1, reduction=mean)",
        ),
        (Focal(2), "Focal", f"{HERE}.Focal(gamma=2)"),
        (Focal(2).halved, "halved", f"{HERE}.Focal.halved"),
        (ONE, "lambda", "lambda output: output.loss"),
        (SPACED, "lambda", "lambda output: output.loss"),
        (OTHER, "lambda", "lambda output: output.loss * 2"),
        (TWO[1], "lambda", "lambda b: -b"),
        (ALIKE[1], "lambda", "lambda a: -a" if sys.version_info >= (3, 11) else "lambda a: a | lambda a: -a"),
        (closed(2, 3)[0], "lambda", "lambda a: a * scale"),
        (closed(2, 3)[1], "lambda", "lambda a: a * other" + BESIDE),
        (closed(2, 3)[3], "lambda", "lambda a: a"),
        (eval("lambda output: output"), "lambda", "lambda"),
        (len, "len", "builtins.len"),
    ],
)
def test_a_callable_is_known_by_its_name_a_lambda_by_its_text(given, short, whole):
    assert (short_name(given), identity(given)) == (short, whole)
