"""What is foretold of a pass on some devices, and how near it is to the floor of this one: plain values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pytest_modelbench.core.device_rates import Error, PaperDevice
from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.core.roofline import Work, spent

#: What a host takes at least to ask for an operator, in Python, one by one: an assumption, and no measured rate.
HOST_CALL_S = 5e-6
#: The smallest batch of the published timings of GPUs; those of processors are of single images.
_LEAST_BATCH = 64


@dataclass(frozen=True, slots=True)
class Predicted:
    """Seconds of a pass on ``device``, how many of them for moving bytes, by kind of operator and by part."""

    device: str
    precision: str
    compiled: bool
    scaled_from: str
    seconds: float
    memory_s: float
    launch_bound: bool  #: whether the host takes longer to ask for it all than the device to do it
    known: bool  #: whether the error is of passes like this one: of such a batch, and not held up by launches
    error: Error
    by_kind: Mapping[str, float]
    by_part: Mapping[str, float]

    @property
    def memory_share(self) -> float:
        """Of the device's time, the share of operators that moving bytes holds up."""
        return self.memory_s / sum(self.by_kind.values())

    @property
    def held_up_by(self) -> str:
        """What most of the time is for: launches, memory or products."""
        if self.launch_bound:
            return "launches"
        return "memory" if self.memory_share >= 0.5 else "products"


@dataclass(frozen=True, slots=True)
class Here:
    """A pass on this machine: seconds measured, and those that it cannot be below."""

    device: str
    precision: str
    measured_s: float
    floor_s: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """What is foretold of a case."""

    case: str
    batch_size: int
    devices: tuple[Predicted, ...]
    here: Here | None = None
    why_not_on_meta: str = ""  #: where in the model it could not be followed there, and why

    def as_json(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


def predicted(work: Sequence[Work], device: PaperDevice, batch_size: int) -> Predicted:
    """What ``device`` takes for a pass over a batch of this size. Raises UsageError where nothing is computed."""
    if not work:
        raise UsageError(
            "it computes nothing: no operator runs in its forward pass, so that there is nothing to predict"
        )
    time = spent(work, device.rates)
    asked_s = 0.0 if device.is_cpu else HOST_CALL_S * sum(one.calls for one in work)
    launch_bound = asked_s > time.seconds
    return Predicted(
        device.name,
        device.precision,
        device.compiled,
        device.scaled_from,
        max(time.seconds, asked_s),
        time.memory_s,
        launch_bound,
        not launch_bound and (batch_size == 1 if device.is_cpu else batch_size >= _LEAST_BATCH),
        device.error,
        {kind.value: seconds for kind, seconds in time.by_kind.items()},
        dict(time.by_part),
    )


def prediction(
    case: str,
    batch_size: int,
    passes: Mapping[str, Sequence[Work]],
    devices: Iterable[PaperDevice],
    here: Here | None = None,
    why_not_on_meta: str = "",
) -> Prediction:
    """What is foretold on ``devices``; ``passes`` are the work by precision."""
    found = tuple(predicted(passes[device.precision], device, batch_size) for device in devices)
    return Prediction(case, batch_size, found, here, why_not_on_meta)
