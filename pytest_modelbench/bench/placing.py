"""Where the time of a model goes, and what it asks of PyTorch, told by both processes of a pair after its verdict."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import torch

from pytest_modelbench.bench.counting import operators_on_meta
from pytest_modelbench.bench.process import Bench
from pytest_modelbench.core.measurement import CALLS_OF_TIMING, Measurement
from pytest_modelbench.measure.clocks import Clock, clock_for
from pytest_modelbench.measure.cpu_clocks import CpuClock
from pytest_modelbench.measure.part_times import PartTimes
from pytest_modelbench.models.built import BuiltModel
from pytest_modelbench.models.modes import is_compiled


def part_times(model: BuiltModel) -> PartTimes | None:
    """What tells the parts of ``model`` apart; None where they run out of sight, compiled or as a recorded graph."""
    if model.recorded or is_compiled(model.module):
        return None
    # Waits for a core are few; to read how many there were takes longer than many a part.
    clock: Clock = CpuClock() if model.device.type == "cpu" else clock_for(model.device)
    return PartTimes(model.module, clock)


def tell_calls(model: BuiltModel, turn: int, bench: Bench) -> None:
    """Send which operators a pass of ``model`` takes, by part: what timing number ``turn`` of the test is of."""
    # An explanation, and never a failure. In inference mode operators would not be taken apart.
    with suppress(Exception), torch.inference_mode(False):
        operators = operators_on_meta(model)
        measured = Measurement.of("operators", operators.total, model.case, f"{CALLS_OF_TIMING}{turn}")
        bench.send(replace(measured, breakdown=operators, test=bench.test, process=bench.process))
