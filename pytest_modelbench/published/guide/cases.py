"""Whether a measurement is of what a row is about, told by its case id, the only name that results carry.

An id is taken apart only as far as it cannot be mistaken: batch size, image size and precision stand together in the
middle. The rest is never read back. What a row is about is written as an id instead, and the two are compared.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from pytest_modelbench.core.records import Case
from pytest_modelbench.published.catalog.cases import CaseSpec

_SETTING = re.compile(
    r"(?P<model>.+)-b(?P<batch>[1-9]\d*)-(?P<height>\d+)(?:x(?P<width>\d+))?"
    r"-(?P<precision>amp-bf16|amp-fp16|fp32|bf16|fp16)(?P<rest>(?:-.*)?)",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Setting:
    """What may differ between two measurements of the same thing; ``image_size`` is (height, width)."""

    batch_size: int
    image_size: tuple[int, int]
    precision: str = "fp32"

    def __str__(self) -> str:
        height, width = self.image_size
        return f"batch {self.batch_size}, {height} x {width}, {self.precision}"

    def is_precision(self, asked: str) -> bool:
        """Whether this is the precision ``asked`` for; ``amp`` is either of its two types, as devices choose."""
        return self.precision == asked or (asked == "amp" and self.precision.startswith("amp-"))


@dataclass(frozen=True, slots=True)
class Subject:
    """What a row is about, whatever setting it is measured at. ``model`` is the name that results list it under."""

    model: str
    task: str = "classification"
    technique: str = ""
    mode: str = "inference"

    @property
    def stem(self) -> str:
        """One text for every measurement of this subject, as `read_case` has it."""
        case = Case(self.model, 1, (1, 1), "fp32", self.task, self.mode, self.technique)
        return _stem(case.model, case.id.removeprefix(f"{case.model}-b1-1-fp32"))


def subject_of(spec: CaseSpec, mode: str) -> Subject:
    """What results list ``spec`` under when it is measured in ``mode``; what a train step is fed shows in its name."""
    case = replace(spec, mode=mode).case()
    return Subject(case.model, case.task, case.technique, case.mode)


def setting_of(spec: CaseSpec) -> Setting:
    """The setting that ``spec`` asks for."""
    return Setting(spec.batch_size, spec.image_size, spec.precision)


def read_case(case_id: str) -> tuple[str, Setting] | None:
    """The stem of what ``case_id`` measures, and its setting; None for an id that is not of a model."""
    match = _SETTING.fullmatch(case_id)
    if match is None:
        return None
    height = int(match["height"])
    setting = Setting(int(match["batch"]), (height, int(match["width"] or height)), match["precision"])
    return _stem(match["model"], match["rest"]), setting


def _stem(model: str, rest: str) -> str:
    return f"{model}-*{rest}"
