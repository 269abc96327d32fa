"""Lines of the speed and memory comparison, printed as it prints them: measured runs in, text out.

Its ``Mb`` are 2^20 bytes, what is behind ``+-`` is the spread over runs, and its ``Backward`` includes the optimizer.
`lines` makes them of what the ``modelbench`` fixture measures in the comparison's own protocol::

    print(speed_lines.lines(modelbench.speed_runs(build_model("resnet50", batch_size=64)), "Resnet50 Baseline:"))
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from pytest_modelbench.core.errors import MeasureError


class StepRuns(Protocol):
    """Training steps as ``modelbench.speed_runs`` measures them: seconds of one iteration, run by run.

    A protocol, so that lines can be made without whoever measures, and without torch.
    """

    @property
    def batch_size(self) -> int:
        """Images of one step."""

    @property
    def iterations(self) -> int:
        """How many steps a run is the mean of."""

    @property
    def forward_s(self) -> Sequence[float]:
        """Forward passes."""

    @property
    def backward_s(self) -> Sequence[float]:
        """Backward passes, without the optimizer."""

    @property
    def optimizer_s(self) -> Sequence[float]:
        """Steps of the optimizer."""

    @property
    def peak_bytes(self) -> int:
        """Peak memory of the second step."""

    @property
    def parameters(self) -> int:
        """How many the model has."""

    @property
    def device_kind(self) -> str:
        """``cuda`` or ``cpu``."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Mean over runs, and their standard deviation."""

    mean_s: float
    spread_s: float

    def __str__(self) -> str:
        return f"{self.mean_s * 1e3:.2f}+-{self.spread_s * 1e3:.2f} msecs"


@dataclass(frozen=True, slots=True)
class Setup:
    """What is measured, and how often."""

    batch_size: int
    peak_bytes: int
    runs: int = 10
    iterations: int = 10

    def line(self, times: str) -> str:
        """The line around ``times``."""
        peak = f"{self.peak_bytes / 2**20:.2f}Mb"
        return f"Mean of {self.runs} runs {self.iterations} iters each BS={self.batch_size}: {times} Max memory: {peak}"


def lines(runs: StepRuns, label: str, *, whole: bool = False, images_per_s: bool = False) -> str:
    """The title ``label`` and the figures of ``runs`` under it, letter by letter in the comparison's format.

    Forward and backward, with the number of parameters in the title and on request the rate; or the ``whole`` step, as
    the lines of ABN and of checkpointing are.
    """
    setup = Setup(runs.batch_size, runs.peak_bytes, len(runs.forward_s), runs.iterations)
    if whole:
        step_s = _sums(runs.forward_s, runs.backward_s, runs.optimizer_s)
        device = "gpu" if runs.device_kind == "cuda" else runs.device_kind
        return f"{title_line(label)}\n{step_line(setup, spread(step_s), device)}"
    halves = spread(runs.forward_s), spread(_sums(runs.backward_s, runs.optimizer_s))
    return f"{title_line(label, runs.parameters)}\n{phases_line(setup, *halves, images_per_s=images_per_s)}"


def spread(runs_s: Sequence[float]) -> Spread:
    """Mean and population standard deviation (numpy's default, as scripts print it) of the means of runs."""
    if not runs_s or not all(math.isfinite(run_s) for run_s in runs_s):
        raise MeasureError(f"runs of {list(runs_s)} s have no mean; measure at least one run")
    return Spread(statistics.fmean(runs_s), statistics.pstdev(runs_s))


def title_line(label: str, parameters: int | None = None) -> str:
    """``**EffNet B0 rwightman 5.29M params**``, with the two blanks that break the line in Markdown."""
    count = "" if parameters is None else f" {parameters / 1e6:.2f}M params"
    return f"**{label}{count}**  "


def step_line(setup: Setup, step: Spread, device: str = "gpu") -> str:
    """``Mean of 10 runs 50 iters each BS=128: 719.29+-1.45 msecs gpu. Max memory: 17732.86Mb``."""
    return setup.line(f"{step} {device}.")


def phases_line(setup: Setup, forward: Spread, backward: Spread, *, images_per_s: bool = False) -> str:
    """``...: 27.15+-0.03 msecs Forward. 117.22+-3.62 msecs Backward. Max memory: 5491.36Mb``, with or without rate.

    ``backward`` includes the optimizer's step.
    """
    line = setup.line(f"{forward} Forward. {backward} Backward.")
    if not images_per_s:
        return line
    return f"{line}. {setup.batch_size / (forward.mean_s + backward.mean_s):.2f} imgs/sec"


def _sums(*phases_s: Sequence[float]) -> list[float]:
    """Seconds of these phases together, run by run."""
    return [math.fsum(run_s) for run_s in zip(*phases_s, strict=True)]
