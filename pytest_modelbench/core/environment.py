"""Where a measurement was made: what makes times comparable at all, and what may differ and is then named."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from pytest_modelbench.core.metrics import Scope
from pytest_modelbench.core.packages import summary, unpacked
from pytest_modelbench.core.shown import all_shown

Fact = str | int | float | bool | None

#: The fact that holds all installed packages, as `core.packages` packs them.
PACKAGES = "packages"
#: Facts on what code reads beside what is committed and installed: environment variables that choose how a device
#: computes, those that the project's own code reads, options of the project's own, and files and packages that no
#: commit of the repository tells of.
VARIABLES, READ, OPTIONS, BESIDE_GIT = "variables", "read", "options", "beside_git"
#: What these say where there is nothing.
NONE = "none"
#: Provenance that no portable value can depend on.
_OF_A_MACHINE = frozenset(
    {"platform", "kernel", "driver", "power_limit_w", "host_cpu", "omp_num_threads", VARIABLES, READ, BESIDE_GIT}
)
#: What torch computes with, beside what a process imports: named before other packages.
_UNDER_TORCH = ("cuda", "cudnn", "hip", "driver", "nvidia-", "triton", "pytorch-triton", "intel-", "mkl")


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
    """A fact that both sides know and that differs. None: of a package, that it is not installed."""

    name: str
    then: Fact
    now: Fact

    def __str__(self) -> str:
        then, now = ("none" if fact is None else fact for fact in (self.then, self.now))
        return f"{self.name} {then} -> {now}"


def differences(then: Mapping[str, Fact], now: Mapping[str, Fact]) -> tuple[Difference, ...]:
    """``torch 2.14 -> 2.15`` for each fact that both sides know and that differs.

    Of installed packages each one, where both sides know them all; facts of their own stay where they are.
    """
    found = {key: Difference(key, then[key], now[key]) for key in then if key in now and then[key] != now[key]}
    for key in {VARIABLES, READ, OPTIONS} & found.keys():
        # Earlier versions told more of the values: what is told alike is the same, and no secret of theirs is repeated.
        sides = all_shown(str(then[key])), all_shown(str(now[key]))
        found[key] = Difference(key, *sides)
        if sides[0] == sides[1]:
            del found[key]
    if PACKAGES in found:
        changed = _packages(str(then[PACKAGES]), str(now[PACKAGES]))
        del found[PACKAGES]
        own = {slugify(key): key for key in then}
        # What the package's entry says of one that has a fact of its own is more: where it was installed from.
        found |= {own.get(one.name, one.name): one for one in changed}
    return tuple(found.values())


def _packages(then: str, now: str) -> list[Difference]:
    """What differs between two facts on all packages: only that something does, where one holds no list."""
    before, after = unpacked(then), unpacked(now)
    if before is None or after is None:
        sums = summary(then), summary(now)
        return [Difference(PACKAGES, *sums)] if sums[0] != sums[1] else []
    names = [name for name in sorted(before.keys() | after.keys()) if before.get(name) != after.get(name)]
    return [Difference(name, before.get(name), after.get(name)) for name in names]


def under_torch(name: str) -> bool:
    """Whether torch computes with what is called so: a process need not import it to use it."""
    return name.startswith(_UNDER_TORCH)


def told_first(found: Collection[Difference], used: Collection[str] = ()) -> tuple[Difference, ...]:
    """``found`` in the order of what probably matters.

    torch, the packages ``used`` by what was measured, what torch computes with, other facts and what was upgraded, and
    last what was only installed or removed.
    """

    def rank(one: Difference) -> int:
        if one.name == "torch":
            return 0
        if one.name in used:
            return 1
        if under_torch(one.name):
            return 2
        return 4 if None in (one.then, one.now) else 3

    return tuple(sorted(found, key=rank))


def nothing_differs(then: Mapping[str, Fact], now: Mapping[str, Fact]) -> bool:
    """Whether both sides know all that code may read or run beside what is committed, and all of it is the same."""
    # A fact that one side alone has may be what differs.
    alike = then.keys() == now.keys() and not differences(then, now)
    return alike and {PACKAGES, VARIABLES, READ, OPTIONS, BESIDE_GIT} <= then.keys()


def same_packages(then: Mapping[str, Fact], now: Mapping[str, Fact]) -> bool:
    """Whether both sides know what is installed, and it is the same."""
    known = PACKAGES in then and PACKAGES in now
    return known and not _packages(str(then[PACKAGES]), str(now[PACKAGES]))


def named(found: Collection[Difference], most: int | None = None) -> str:
    """``torch 2.14 -> 2.15, driver 570 -> 575``, and how many more there are than ``most``."""
    shown = list(found)[:most]
    left = len(found) - len(shown)
    told = [str(one) for one in shown]
    return ", ".join([*told, f"{left} other{'s' if left > 1 else ''}"] if left else told)
