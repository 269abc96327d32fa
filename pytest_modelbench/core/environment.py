"""Where a measurement was made: what makes times comparable at all, and what may differ and is then named."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pytest_modelbench.core.metrics import Scope

Fact = str | int | float | bool | None

#: Provenance that no portable value can depend on.
_OF_A_MACHINE = frozenset({"platform", "kernel", "driver", "omp_num_threads", "packages"})


@dataclass(frozen=True, slots=True)
class Environment:
    """Where a measurement was made.

    ``identity`` makes times comparable: device, cores, threads, precision switches. ``provenance`` may differ between
    two runs that are compared: versions of torch and its libraries, driver, commit.
    """

    kind: str  #: ``cpu`` or the accelerator's model, ``cuda-nvidia-h200``
    name: str  #: for people: ``AMD EPYC, 2 cores, 1 thread``
    slug: str  #: folder of baselines that hold for this very environment
    identity: Mapping[str, Fact]
    provenance: Mapping[str, Fact]

    def folder(self, scope: Scope) -> str:
        """Name of the baseline folder for metrics of ``scope``."""
        return {Scope.PORTABLE: "portable", Scope.KIND: self.kind, Scope.DEVICE: self.slug}[scope]

    def provenance_in(self, folder: str) -> dict[str, Fact]:
        """What baselines in ``folder`` keep of the provenance: portable ones nothing that is the machine's own."""
        return {key: fact for key, fact in self.provenance.items() if folder != "portable" or key not in _OF_A_MACHINE}


def slugify(text: str) -> str:
    """Lower-case letters, digits and single dashes: ``NVIDIA H200`` becomes ``nvidia-h200``."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


@dataclass(frozen=True, slots=True)
class Difference:
    """A fact that both sides know and that differs."""

    name: str
    then: Fact
    now: Fact

    def __str__(self) -> str:
        return f"{self.name} {self.then} -> {self.now}"


def differences(then: Mapping[str, Fact], now: Mapping[str, Fact]) -> tuple[Difference, ...]:
    """``torch 2.14 -> 2.15`` for each fact that both sides know and that differs."""
    return tuple(Difference(key, then[key], now[key]) for key in then if key in now and then[key] != now[key])


def named(found: tuple[Difference, ...]) -> str:
    """``torch 2.14 -> 2.15, driver 570 -> 575``."""
    return ", ".join(map(str, found))
