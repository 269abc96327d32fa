"""Lines of the speed and memory comparison, printed as it prints them: numbers in, one line out.

Its ``Mb`` are 2^20 bytes, what is behind ``+-`` is the spread over runs, and its ``Backward`` includes the optimizer.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from pytest_modelbench.core.errors import MeasureError


@dataclass(frozen=True, slots=True)
class Spread:
    """Mean over runs, and their standard deviation."""

    mean_s: float
    spread_s: float

    def __str__(self) -> str:
        return f"{self.mean_s * 1e3:.2f}+-{self.spread_s * 1e3:.2f} msecs"


@dataclass(frozen=True, slots=True)
class Protocol:
    """How often was measured, what and how large."""

    batch_size: int
    peak_bytes: int
    runs: int = 10
    iterations: int = 10

    def line(self, times: str) -> str:
        """The line around ``times``."""
        peak = f"{self.peak_bytes / 2**20:.2f}Mb"
        return f"Mean of {self.runs} runs {self.iterations} iters each BS={self.batch_size}: {times} Max memory: {peak}"


def spread(runs_s: Sequence[float]) -> Spread:
    """Mean and population standard deviation (numpy's default, as scripts print it) of the means of runs."""
    if not runs_s or not all(math.isfinite(run_s) for run_s in runs_s):
        raise MeasureError(f"runs of {list(runs_s)} s have no mean; measure at least one run")
    return Spread(statistics.fmean(runs_s), statistics.pstdev(runs_s))


def title_line(label: str, parameters: int | None = None) -> str:
    """``**EffNet B0 rwightman 5.29M params**``, with the two blanks that break the line in Markdown."""
    count = "" if parameters is None else f" {parameters / 1e6:.2f}M params"
    return f"**{label}{count}**  "


def step_line(protocol: Protocol, step: Spread, device: str = "gpu") -> str:
    """``Mean of 10 runs 50 iters each BS=128: 719.29+-1.45 msecs gpu. Max memory: 17732.86Mb``."""
    return protocol.line(f"{step} {device}.")


def phases_line(protocol: Protocol, forward: Spread, backward: Spread, *, images_per_s: bool = False) -> str:
    """``...: 27.15+-0.03 msecs Forward. 117.22+-3.62 msecs Backward. Max memory: 5491.36Mb``, with or without rate.

    ``backward`` includes the optimizer's step.
    """
    line = protocol.line(f"{forward} Forward. {backward} Backward.")
    if not images_per_s:
        return line
    return f"{line}. {protocol.batch_size / (forward.mean_s + backward.mean_s):.2f} imgs/sec"
