"""The median that `sample` reports against a bare loop in the same process, alternating, per model."""

import statistics
import time

import torch
from machine import describe, write

from pytest_modelbench.measure.allocator import settle_allocator
from pytest_modelbench.measure.clocks import clock_for
from pytest_modelbench.measure.environment import pin
from pytest_modelbench.measure.reference import reference_workload
from pytest_modelbench.measure.sampling import sample
from pytest_modelbench.models.backbones import QUICK
from pytest_modelbench.models.build import build

ROUNDS = 7


def bare(model, calls: int) -> float:
    """Median seconds of a forward pass, by nothing but a clock around it."""
    laps = []
    with torch.inference_mode():
        for _ in range(calls):
            start = time.perf_counter()
            model.module(*model.inputs)
            laps.append(time.perf_counter() - start)
    return statistics.median(laps)


def main() -> None:
    machine = describe()
    device = torch.device("cpu")
    torch.set_num_threads(1)
    pin(1)
    settle_allocator()
    reference = reference_workload(device)
    figures = {}
    for name in QUICK:
        model = build(name, device=device, image_size=224)
        bare(model, 5)
        ratios = []
        for number in range(ROUNDS):
            # The bare loop runs before and after, in turns with the sampler, so that drift falls on both alike.
            calls = max(8, min(200, int(1.0 / bare(model, 3))))
            before = bare(model, calls)
            with model.inference() as run:
                reported = sample(run, reference.run, clock_for(device)).median_s
            after = bare(model, calls)
            ratios.append(reported / ((before + after) / 2))
            print(name, number, round(ratios[-1], 4), flush=True)
        figures[name] = {"median_ratio": round(statistics.median(ratios), 4), "ratios": [round(r, 4) for r in ratios]}
    write("timer_truth", machine, figures)


if __name__ == "__main__":
    main()
