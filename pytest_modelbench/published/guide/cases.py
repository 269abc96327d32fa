"""What a row is about, and at which setting: how its measurements are found among others."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pytest_modelbench.core.case import AnyCase, Case
from pytest_modelbench.published.catalog.cases import CaseSpec


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
    def name(self) -> str:
        """What it is called where its setting stands beside it."""
        told = [self.technique, *([self.task] if self.task != "classification" else [])]
        told += [self.mode] if self.mode != "inference" else []
        return "-".join(filter(None, [self.model, *told]))


def subject_of(spec: CaseSpec, mode: str) -> Subject:
    """What results list ``spec`` under when it is measured in ``mode``; what a train step is fed shows in its name."""
    case = replace(spec, mode=mode).case()
    return Subject(case.model, case.task, case.technique, case.mode)


def setting_of(spec: CaseSpec) -> Setting:
    """The setting that ``spec`` asks for."""
    return Setting(spec.batch_size, spec.image_size, spec.precision)


def read_case(case: AnyCase) -> tuple[Subject, Setting] | None:
    """What ``case`` is about, and its setting; None for one that is not of a model of images."""
    if not isinstance(case, Case) or case.image_size is None:
        return None
    subject = Subject(case.model, case.task, case.technique, case.mode)
    return subject, Setting(case.batch_size, case.image_size, case.precision)
