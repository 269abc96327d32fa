"""What a model's peak memory consists of, and when it is reached: a memory plan, as plain values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any

from pytest_modelbench.core.branches import Branch, tree


class Kind(str, Enum):
    """What memory is used for, in the order that reports have."""

    PARAMETERS = "parameters"
    BUFFERS = "buffers"
    GRADIENTS = "gradients"
    OPTIMIZER = "optimizer state"
    INPUTS = "inputs"  #: and targets
    ACTIVATIONS = "activations"  #: made in the forward pass, or again in the backward pass
    TEMPORARY = "temporary"  #: made in the backward pass or by the optimizer, and no gradient of a parameter
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Part:
    """So many bytes of one kind, of one part of the module by its name; empty: of none."""

    kind: Kind
    module: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Moment:
    """Bytes that were alive at some time of the step, and where that was."""

    live_bytes: int
    phase: str
    module: str


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """Peak memory of one pass or step of a case.

    ``parts`` are what is alive at the peak, and add up to it. ``operator`` is what ran there. ``allocated_bytes`` and
    ``reserved_bytes`` are what CUDA's caching allocator makes of the same sequence, from empty and without what
    libraries take for themselves.
    """

    case: str
    followed_on: str  #: meta or cpu
    peak_bytes: int
    peak: Moment
    operator: str
    parts: tuple[Part, ...]
    timeline: tuple[Moment, ...]
    allocated_bytes: int
    reserved_bytes: int
    why_not_on_meta: str = ""  #: where in the model it could not be followed there, and why
    fitting: tuple[Fitting, ...] = ()
    verified: Verified | None = None
    unverified: str = ""  #: why it was to be run on a device, and could not

    def of_kind(self) -> dict[Kind, int]:
        """Bytes of each kind that there is, in order."""
        sizes: Counter[Kind] = Counter()
        for part in self.parts:
            sizes[part.kind] += part.size_bytes
        return {kind: sizes[kind] for kind in Kind if sizes[kind]}

    def as_json(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)

    @classmethod
    def of_json(cls, told: dict[str, Any]) -> MemoryPlan:
        """From `as_json`."""
        return cls(
            **{
                **told,
                "peak": Moment(**told["peak"]),
                "parts": tuple(Part(Kind(one["kind"]), one["module"], one["size_bytes"]) for one in told["parts"]),
                "timeline": tuple(Moment(**one) for one in told["timeline"]),
                "fitting": tuple(Fitting(**one) for one in told["fitting"]),
                "verified": Verified(**told["verified"]) if told["verified"] else None,
            }
        )


@dataclass(frozen=True, slots=True)
class Fitting:
    """The largest batch that fits into a memory, and the largest of which it is too close to call; 0: not even one."""

    memory: str
    size_bytes: float
    fits: int
    perhaps: int


@dataclass(frozen=True, slots=True)
class Verified:
    """What the same pass or step took on a CUDA device: bytes at most, as its allocator tells."""

    device: str
    requested_bytes: int  #: asked for, without what libraries keep for themselves: what ``peak_bytes`` predicts
    allocated_bytes: int
    reserved_bytes: int
    workspace_bytes: int  #: that libraries keep for themselves


def by_module(parts: Iterable[Part], kinds: frozenset[Kind] = frozenset(Kind)) -> Branch:
    """Bytes of ``parts`` of these kinds, by the modules that they are of."""
    own: Counter[str] = Counter()
    for part in parts:
        if part.kind in kinds:
            own[part.module] += part.size_bytes
    return tree(own)
