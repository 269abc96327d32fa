"""What a worker tells the controller, one event at a time.

A worker says `Hello` once it knows where it measures, and `Done` at its end. Each test is `Started`, `Recorded` and
`Reported` any number of times, and `Finished`. In a pair it also asks, by `Begin`, `Ready` and `Taken`, and goes on
when it is answered: see `workers.turns`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from pytest_modelbench.core.blocks import Amount
from pytest_modelbench.core.environment import Environment
from pytest_modelbench.core.measurement import Measurement

# ``kind`` tells them apart on the wire.


@dataclass(frozen=True, slots=True)
class Hello:
    """Everything is imported; this is where the worker measures."""

    environment: Environment
    kind: Literal["hello"] = "hello"


@dataclass(frozen=True, slots=True)
class Unimportable:
    """A test file, or what it needs, cannot be imported, or is ``skipped`` as a whole.

    ``text`` is the traceback, or why it is skipped.
    """

    where: str
    text: str
    skipped: bool = False
    kind: Literal["unimportable"] = "unimportable"


@dataclass(frozen=True, slots=True)
class Started:
    """A test begins."""

    test: str
    kind: Literal["started"] = "started"


@dataclass(frozen=True, slots=True)
class Recorded:
    """The test that runs has measured something."""

    measurement: Measurement
    kind: Literal["recorded"] = "recorded"


@dataclass(frozen=True, slots=True)
class Reported:
    """A report of the test that runs, as pytest serializes it."""

    test: str
    report: dict[str, Any]
    kind: Literal["reported"] = "reported"


@dataclass(frozen=True, slots=True)
class Warned:
    """A test raised a warning. ``module`` and ``category`` name its class, ``location`` is pytest's."""

    test: str
    text: str
    category: str
    module: str
    filename: str
    lineno: int
    location: tuple[str, int, str] | None = None
    kind: Literal["warned"] = "warned"


@dataclass(frozen=True, slots=True)
class Noted:
    """A test or a fixture has said something for JUnit's file: a property of the suite, or an attribute of the test."""

    test: str  #: empty: of the suite
    name: str
    value: str
    kind: Literal["noted"] = "noted"


@dataclass(frozen=True, slots=True)
class Finished:
    """A test is over.

    ``strays``: what of a pair's code was imported from elsewhere, see `workers.origin`. ``imported`` are the packages
    that its process has imported by now, by the names that they are imported by, ``files`` those that its models, and
    what its module imports, are written in, installed ones aside. ``idle``: fixtures that measure, and by which the
    test measured nothing.
    """

    test: str
    strays: tuple[str, ...] = ()
    imported: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    idle: tuple[str, ...] = ()
    kind: Literal["finished"] = "finished"


@dataclass(frozen=True, slots=True)
class Begin:
    """May ``test`` begin?"""

    test: str
    kind: Literal["begin"] = "begin"


@dataclass(frozen=True, slots=True)
class Ready:
    """The timing with this number in its test is warmed up, and would take such an ``amount`` of blocks: a sample?"""

    test: str
    timing: int
    case: str
    amount: Amount
    kind: Literal["ready"] = "ready"


@dataclass(frozen=True, slots=True)
class Taken:
    """A sample was taken, of this mean log seconds per call: another one?"""

    test: str
    log_s: float
    disturbed: bool
    kind: Literal["taken"] = "taken"


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing can be measured here at all."""

    message: str
    kind: Literal["refused"] = "refused"


@dataclass(frozen=True, slots=True)
class Done:
    """Every test of the job that was found is over.

    ``stopped`` is why pytest stopped before that, if it did; ``others`` are tests that it found in the files in which
    some of the job's were not found.
    """

    stopped: str = ""
    others: tuple[str, ...] = ()
    kind: Literal["done"] = "done"


@dataclass(frozen=True, slots=True)
class Quiet:
    """Nothing was told for a while. No worker says so: whoever listens to one does, so that time can be shown."""


Asked = Begin | Ready | Taken
Event = (
    Hello | Unimportable | Started | Recorded | Reported | Warned | Noted | Finished
    | Begin | Ready | Taken | Refused | Done
)  # fmt: skip
