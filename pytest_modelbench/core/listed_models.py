"""Models that are measured without a test of anybody's: by ``--modelbench-model``, or listed in the settings."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from pytest_modelbench.core.errors import UsageError

#: What ids of their tests begin with, in place of a file: in the root directory, where nothing goes by that name.
MODULE = "modelbench-models"
#: The function that measures each of them.
FUNCTION = "inference"
#: Precisions as `build_model` takes them.
PRECISIONS = ("fp32", "bf16", "fp16", "amp", "amp-bf16", "amp-fp16")
#: As many are what somebody has meant; more are more likely a pattern that matches more than was thought.
MOST_UNASKED = 50
_TIMM = "timm:"
_PART = r"[^\W\d]\w*"
#: A name of timm's or a reference, with ``*``, ``?`` and ``[...]`` where it stands for several.
_NAME = re.compile(r"(timm:)?[\w.*?\[\]-]+")
_REFERENCE = re.compile(rf"{_PART}(\.{_PART})*:[\w.*?\[\]]+")
_TEST = re.compile(rf"{MODULE}::{FUNCTION}\[(?P<model>.+)-b(?P<batch_size>[1-9]\d*)-(?P<precision>[a-z0-9-]+)\]")


@dataclass(frozen=True, slots=True)
class ListedModel:
    """A model, ``timm:NAME`` or ``package.module:callable``, and how it is built."""

    model: str
    batch_size: int = 1
    precision: str = PRECISIONS[0]

    @property
    def id(self) -> str:
        """What tells it from others: the parameter of its test."""
        return f"{self.model}-b{self.batch_size}-{self.precision}"

    @property
    def test(self) -> str:
        """The id of its test."""
        return f"{MODULE}::{FUNCTION}[{self.id}]"

    @property
    def build_name(self) -> str:
        """What `build_model` takes for it."""
        return self.model.removeprefix(_TIMM)

    @classmethod
    def of_test(cls, test: str) -> ListedModel:
        """The one whose test has the id ``test``; UsageError for an id that is none."""
        found = _TEST.fullmatch(test)
        if found is None or found["precision"] not in PRECISIONS or is_pattern(found["model"]):
            raise UsageError(f"{test}: no test has this id; write {MODULE}::{FUNCTION}[timm:resnet50-b1-fp32]")
        return cls(with_kind(found["model"], test), int(found["batch_size"]), found["precision"])


def is_listed(test: str) -> bool:
    """Whether the id ``test`` is of such a model's test, and of no file's."""
    return test.partition("::")[0] == MODULE


def with_kind(name: str, where: str) -> str:
    """``name`` as ``timm:NAME`` or ``package.module:callable``, patterns included; UsageError for what is neither."""
    if _NAME.fullmatch(name):
        return _TIMM + name.removeprefix(_TIMM)
    if not _REFERENCE.fullmatch(name):
        raise UsageError(f"{where}: {name!r} is no model: write timm:NAME, or package.module:callable")
    return name


def is_pattern(name: str) -> bool:
    """Whether ``name`` stands for all that it matches."""
    return not {"*", "?", "["}.isdisjoint(name)


def combined(models: Iterable[str], batch_sizes: Iterable[int], precisions: Iterable[str]) -> list[ListedModel]:
    """Every model with every batch size in every precision, each once."""
    batch_sizes, precisions = list(batch_sizes), list(precisions)
    return list(
        dict.fromkeys(
            ListedModel(model, batch_size, precision)
            for model in models
            for batch_size in batch_sizes
            for precision in precisions
        )
    )


def check_precisions(precisions: Iterable[str], where: str) -> None:
    """Raise UsageError for a precision that there is not."""
    for precision in precisions:
        if precision not in PRECISIONS:
            raise UsageError(f"{where}: there is no precision {precision!r}; there are {', '.join(PRECISIONS)}")
