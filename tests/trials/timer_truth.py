"""What `sample` reports against a bare loop in the same process, alternating within each block, per model."""

import json
import math
import statistics
import subprocess
import sys
import time

import torch
from machine import describe, write

from pytest_modelbench.measure.allocator import settle_allocator
from pytest_modelbench.measure.clocks import clock_for
from pytest_modelbench.measure.pinning import pin
from pytest_modelbench.measure.plan import SamplingPlan
from pytest_modelbench.measure.reference import Reference, reference_workload
from pytest_modelbench.measure.sampling import Alone, Target, sample
from pytest_modelbench.models.build import build
from pytest_modelbench.models.built import BuiltModel
from pytest_modelbench.published.backbones import QUICK

PROCESSES = 5
SPENT_S = 12.0  # per model and process
MOST_BLOCKS = 200


class Bare:
    """A bare loop around the model, run where the sampler runs its reference: within 50 ms of what it is held against.

    The sampler's own reference workload runs before and after it, so that the model meets the caches as it always does.
    """

    def __init__(self, model: BuiltModel, reference: Reference) -> None:
        self.model, self.reference = model, reference
        self.inner = 1
        self.laps: list[float] = []

    def __call__(self) -> None:
        self.reference.run()
        module, inputs = self.model.module, self.model.inputs
        module(*inputs)
        start = time.perf_counter()
        for _ in range(self.inner):
            module(*inputs)
        self.laps.append((time.perf_counter() - start) / self.inner)
        self.reference.run()


def interval(values: list[float]) -> tuple[float, float]:
    """Where the median is, to 95 %, by order statistics: no assumption on how the values are spread."""
    ordered, n = sorted(values), len(values)
    aside = max(0, math.floor((n - 1.96 * math.sqrt(n)) / 2))
    return ordered[aside], ordered[-1 - aside]


def child() -> dict[str, list[float]]:
    """One process: for each model the ratio of reported and bare times, block by block."""
    device = torch.device("cpu")
    torch.set_num_threads(1)
    pin(1)
    settle_allocator()
    reference = reference_workload(device)
    figures = {}
    for name in QUICK:
        model = build(name, device=device, image_size=224)
        bare = Bare(model, reference)
        with model.inference() as run:
            target = Target(run, clock_for(device))
            alone = sample(target, Alone())
            bare.inner = alone.inner_target
            # A block is two samples, two bare loops of as many calls, and what surrounds them.
            blocks = min(MOST_BLOCKS, math.ceil(SPENT_S / (5 * alone.inner_target * alone.median_s)))
            plan = SamplingPlan(min_blocks=blocks, max_blocks=blocks, more_blocks=0)
            samples = sample(target, Alone(bare), plan)
        # One call of the bare loop before each block and one after it; those before the first were warm-up.
        laps = bare.laps[-2 * blocks :]
        # A sample of the bare loop may hold several calls of it, if those are short.
        assert samples.inner_reference == 1, f"{name}: {samples.inner_reference} bare loops in a sample"
        figures[name] = [
            round(sum(block.target_s) / (laps[2 * n] + laps[2 * n + 1]), 4) for n, block in enumerate(samples.blocks)
        ]
    return figures


def main() -> None:
    if len(sys.argv) > 1:
        print(json.dumps(child()))
        return
    machine = describe()
    found: dict[str, list[list[float]]] = {name: [] for name in QUICK}
    for number in range(PROCESSES):
        ran = subprocess.run([sys.executable, __file__, "child"], stdout=subprocess.PIPE, text=True, check=True)
        for name, ratios in json.loads(ran.stdout).items():
            found[name].append(ratios)
            print(number, name, round(statistics.median(ratios), 4), flush=True)
    write("timer_truth", machine, {name: figures(runs) for name, runs in found.items()})


def figures(runs: list[list[float]]) -> dict[str, object]:
    """Of one model: the median over all blocks of all processes, and each process's own."""
    ratios = [ratio for run in runs for ratio in run]
    return {
        "median_ratio": round(statistics.median(ratios), 4),
        "interval_95": interval(ratios),
        "of_processes": [round(statistics.median(run), 4) for run in runs],
        "ratios": runs,
    }


if __name__ == "__main__":
    main()
