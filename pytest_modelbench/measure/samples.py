"""What a sampling makes: blocks of samples, and all of those of one process."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Block:
    """Seconds per iteration of two target samples, and of the two reference samples around them, if any.

    ``phases_s`` has those of each phase, in the order of their names, for every target sample; empty without phases.
    """

    target_s: tuple[float, ...]
    reference_s: tuple[float, ...] = ()
    phases_s: tuple[tuple[float, ...], ...] = ()

    @property
    def log_ratio(self) -> float:
        """Mean log T - mean log R: the target's time with the machine's speed of the moment taken out.

        Without a reference it is the mean log of the target's seconds.
        """
        log_s = statistics.fmean(map(math.log, self.target_s))
        return log_s - statistics.fmean(map(math.log, self.reference_s)) if self.reference_s else log_s


@dataclass(frozen=True, slots=True)
class Samples:
    """What one process measured. ``repeated`` blocks were disturbed and replaced, ``disturbed`` ones had to stay.

    ``best_reference_s`` is the reference's time per call at its fastest so far, in this process or before; None without
    a reference.
    """

    blocks: tuple[Block, ...]
    inner_target: int  #: iterations per sample
    inner_reference: int
    warmup_iterations: int  #: of the target
    repeated: int = 0
    disturbed: int = 0
    best_reference_s: float | None = None

    @property
    def target_s(self) -> tuple[float, ...]:
        """Seconds per iteration, every sample in the order of measuring."""
        return tuple(sample for block in self.blocks for sample in block.target_s)

    @property
    def median_s(self) -> float:
        """Median seconds per iteration: what people read."""
        return statistics.median(self.target_s)

    @property
    def reference_s(self) -> float | None:
        """The reference's own time per call in these blocks, as `log_ratio` has it taken out; None without one."""
        logs_s = [statistics.fmean(map(math.log, block.reference_s)) for block in self.blocks if block.reference_s]
        return math.exp(statistics.median(logs_s)) if logs_s else None

    @property
    def log_ratio(self) -> float:
        """Median over blocks of `Block.log_ratio`: what processes are compared by."""
        return statistics.median(block.log_ratio for block in self.blocks)
