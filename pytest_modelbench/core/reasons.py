"""Why a verdict is what it is, as data: a kind and its figures. `report.reasons` makes sentences of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pytest_modelbench.core.breakdown import ItemChange
from pytest_modelbench.core.environment import Difference

# ``kind`` tells them apart in files.


# --- why two cannot be compared


@dataclass(frozen=True, slots=True)
class OtherKey:
    """``what``, such as the case, is another one than when the baseline was recorded."""

    what: str
    then: str
    now: str
    kind: Literal["other key"] = "other key"


@dataclass(frozen=True, slots=True)
class UnknownEnvironment:
    """The baseline's file does not say in which environment it was recorded."""

    kind: Literal["unknown environment"] = "unknown environment"


@dataclass(frozen=True, slots=True)
class OtherEnvironment:
    """The times were taken in an environment that makes them incomparable."""

    differences: tuple[Difference, ...]
    kind: Literal["other environment"] = "other environment"


# --- why a noisy check is open


@dataclass(frozen=True, slots=True)
class BetweenLooks:
    """Nothing is decided between two looks: ``done`` of ``planned`` processes."""

    done: int
    planned: int
    kind: Literal["between looks"] = "between looks"


@dataclass(frozen=True, slots=True)
class Disturbed:
    """The machine was disturbed in ``processes`` of them all, and by what."""

    processes: int
    of: int
    cause: str
    kind: Literal["disturbed"] = "disturbed"


@dataclass(frozen=True, slots=True)
class Drifted:
    """The machine itself is slower (``drift`` > 0, in log) or faster than when the baseline was recorded."""

    drift: float
    kind: Literal["drifted"] = "drifted"


@dataclass(frozen=True, slots=True)
class MayBeAway:
    """The change may be up to ``up_to`` (as a ratio), and the band ends at ``band_end``."""

    up_to: float
    band_end: float
    kind: Literal["may be away"] = "may be away"


@dataclass(frozen=True, slots=True)
class AssumedSpread:
    """The baseline holds one session, which does not tell how far days differ; of ``one_process``: nor how those do."""

    one_process: bool
    kind: Literal["assumed spread"] = "assumed spread"


@dataclass(frozen=True, slots=True)
class NoPairs:
    """No duet could confirm it, and why."""

    why: str
    kind: Literal["no pairs"] = "no pairs"


@dataclass(frozen=True, slots=True)
class NotConfirmed:
    """The duet beside ``base`` told nothing, and why."""

    base: str
    why: str
    kind: Literal["not confirmed"] = "not confirmed"


@dataclass(frozen=True, slots=True)
class OutOfBudget:
    """The time that the session may take was over."""

    budget_s: float
    option: str = "--modelbench-budget"  #: by which it was given
    kind: Literal["out of budget"] = "out of budget"


@dataclass(frozen=True, slots=True)
class NotEverywhere:
    """Not every process measured it."""

    kind: Literal["not everywhere"] = "not everywhere"


# --- what a duet told


@dataclass(frozen=True, slots=True)
class PairsSoFar:
    """Nothing is decided between two looks at the pairs beside ``base``."""

    base: str
    done: int
    planned: int
    disturbed: int
    kind: Literal["pairs so far"] = "pairs so far"


@dataclass(frozen=True, slots=True)
class Beside:
    """Decided, or left open as ``open_`` says, beside ``base`` in so many pairs."""

    base: str
    pairs: int
    disturbed: int
    open_: MayBeAway | None = None
    kind: Literal["beside"] = "beside"


@dataclass(frozen=True, slots=True)
class SameCode:
    """The code is the very one that the baseline was recorded from."""

    kind: Literal["same code"] = "same code"


@dataclass(frozen=True, slots=True)
class Cleared:
    """The code is as fast, or ``faster``, beside that of the baseline."""

    beside: Beside
    faster: bool
    kind: Literal["cleared"] = "cleared"


@dataclass(frozen=True, slots=True)
class MeasuredAgain:
    """The code was cleared and stood out beside what is stored; ``done`` of ``wanted`` processes tell if it stays."""

    code: Cleared
    done: int
    wanted: int
    kind: Literal["measured again"] = "measured again"


@dataclass(frozen=True, slots=True)
class UnknownWhetherAway:
    """The code was cleared, but whether both are away from what is stored cannot be told."""

    code: Cleared
    kind: Literal["unknown whether away"] = "unknown whether away"


@dataclass(frozen=True, slots=True)
class EnvironmentMoved:
    """The code is not to blame for a change, and versions differ."""

    code: SameCode | Cleared
    differences: tuple[Difference, ...]
    kind: Literal["environment moved"] = "environment moved"


@dataclass(frozen=True, slots=True)
class MachineMoved:
    """Neither code nor versions are to blame for a change.

    ``apart``: now / baseline, by what is stored. ``before``: of unchanged code, how many sessions right before this one
    had found the same. ``files``: files that git does not have differ, and may be to blame.
    """

    code: SameCode | Cleared
    apart: float
    before: int = 0
    files: bool = False
    kind: Literal["machine moved"] = "machine moved"


@dataclass(frozen=True, slots=True)
class Since:
    """What differs since the baseline was recorded; ``alike``: both sides of the duet that decided it have it now."""

    differences: tuple[Difference, ...]
    alike: bool = False
    kind: Literal["since"] = "since"


@dataclass(frozen=True, slots=True)
class DisturbedBaseline:
    """The baseline was accepted though the machine was disturbed: changes up to ``band_end`` (a ratio) are tolerated.

    ``disturbed`` of its processes were, and they spread by ``spread``, in log.
    """

    disturbed: int
    spread: float
    band_end: float
    kind: Literal["disturbed baseline"] = "disturbed baseline"


# --- why an exact check is what it is


@dataclass(frozen=True, slots=True)
class Varies:
    """It differs between processes, though it should be deterministic."""

    kind: Literal["varies"] = "varies"


@dataclass(frozen=True, slots=True)
class NumbersDiffer:
    """The numbers that stand for an output differ by up to ``most``, where the band allows ``allowed``."""

    most: float
    allowed: float | None = None
    kind: Literal["numbers differ"] = "numbers differ"


@dataclass(frozen=True, slots=True)
class Parted:
    """The first part of the model that computes something else is ``module``, by ``share`` of what it puts out.

    None: it was not there, or put out nothing, or something of another kind.
    """

    module: str
    share: float | None
    kind: Literal["parted"] = "parted"


@dataclass(frozen=True, slots=True)
class Objection:
    """Why chance does not excuse a change: it is beyond ``limit``, or surely real, or not what the samples say."""

    limit: float | None = None
    unexplained: float | None = None
    kind: Literal["objection"] = "objection"


@dataclass(frozen=True, slots=True)
class SamplesChanged:
    """How outcomes of the same samples changed: a mean, known to lie between ``low`` and ``high`` with 95 %.

    ``excused``: the band allows for chance, and whether that explains it (True), or why not; None: the band does not.
    ``lost_names`` and ``won_names``: all that changed, in the order of the data; of ``graded`` outcomes, which are
    better or worse rather than right or wrong, those that changed most come first.
    """

    lost: int
    won: int
    samples: int
    mean: float
    low: float
    high: float
    excused: bool | None = None
    objection: Objection | None = None
    lost_names: tuple[str, ...] = ()
    won_names: tuple[str, ...] = ()
    graded: bool = False
    kind: Literal["samples changed"] = "samples changed"


@dataclass(frozen=True, slots=True)
class ItemsChanged:
    """Which of the items that a value in ``unit`` is the sum of changed, each of a part of the model, and how."""

    unit: str
    items: tuple[ItemChange, ...]
    kind: Literal["items changed"] = "items changed"


@dataclass(frozen=True, slots=True)
class Placed:
    """Where in the model its time changed, in nanoseconds a call, and which operators it calls more often or less.

    Of a pair of processes that measured this after the verdict; ``calls`` is None where that could not be counted.
    """

    times: ItemsChanged
    calls: ItemsChanged | None = None
    kind: Literal["placed"] = "placed"


Reason = (
    OtherKey | UnknownEnvironment | OtherEnvironment | BetweenLooks | Disturbed | Drifted | MayBeAway | AssumedSpread
    | NoPairs | NotConfirmed | OutOfBudget | NotEverywhere | PairsSoFar | Beside | SameCode | Cleared | MeasuredAgain
    | UnknownWhetherAway | EnvironmentMoved | MachineMoved | Since | DisturbedBaseline | Varies | NumbersDiffer
    | SamplesChanged | ItemsChanged | Parted | Placed
)  # fmt: skip
