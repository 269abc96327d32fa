"""How far levels differ between processes, and between memory layouts within one: raw, block by block.

One process a time; each measures every model in four layouts. Resumes where it was interrupted.
"""

import json
import math
import random
import sys

from machine import SMALL_MODELS, in_processes

PROCESSES = 9
LAYOUTS, BLOCKS = 4, 6


def measure():
    """One process: for each model a row a block: layout, log target, log reference before and after it."""
    import time

    import torch

    from pytest_modelbench.measure.allocator import settle_allocator
    from pytest_modelbench.measure.environment import pin
    from pytest_modelbench.measure.reference import reference_workload
    from pytest_modelbench.models.build import build

    torch.set_num_threads(1)
    pin(1)
    settle_allocator()

    def lap(call, count):
        call()
        start = time.perf_counter()
        for _ in range(count):
            call()
        return math.log((time.perf_counter() - start) / count)

    found = {}
    for name, size in random.sample(list(SMALL_MODELS.items()), len(SMALL_MODELS)):
        model = build(name, device=torch.device("cpu"), image_size=size)
        reference = reference_workload(torch.device("cpu"))
        rows = []
        with model.inference() as run:
            for layout in range(LAYOUTS):
                if layout:
                    model.renew()
                    reference.renew()
                for _ in range(4 if layout else 10):
                    run()
                    reference.run()
                calls = max(1, math.ceil(0.02 / math.exp(min(lap(run, 1) for _ in range(3)))))
                for _ in range(BLOCKS):
                    before = lap(reference.run, 5)
                    target = (lap(run, calls) + lap(run, calls)) / 2
                    rows.append([layout, round(target, 4), round(before, 4), round(lap(reference.run, 5), 4)])
        found[name] = rows
    return found


def main() -> None:
    if len(sys.argv) > 1:
        print(json.dumps(measure()))
        return
    in_processes(__file__, "layouts", PROCESSES)


if __name__ == "__main__":
    main()
