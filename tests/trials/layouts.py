"""How far log ratios differ between processes, and between memory layouts within one: raw, block by block.

One process a time; each measures every model in four layouts. Resumes where it was interrupted; every machine has a
file of its own. Prints how far processes spread by how many blocks of each layout.
"""

import json
import math
import random
import statistics
import sys

from machine import RESULTS, SMALL_MODELS, describe, in_processes, slug

PROCESSES = 9
LAYOUTS, BLOCKS = 4, 6


def measure():
    """One process: for each model a row a block: layout, log target, log reference before and after it."""
    import time

    import torch

    from pytest_modelbench.measure.allocator import settle_allocator
    from pytest_modelbench.measure.pinning import pin
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
    name = f"layouts-{slug(describe())}"
    in_processes(__file__, name, PROCESSES)
    _, *processes = (json.loads(line) for line in (RESULTS / f"{name}.jsonl").read_text().splitlines())
    for model in SMALL_MODELS:
        spreads = (100 * spread([process[model] for process in processes], blocks) for blocks in (1, 2, 4, BLOCKS))
        print(f"{model:22}", " ".join(f"{one:.2f}" for one in spreads), "% with 1, 2, 4 and 6 blocks of each layout")


def spread(processes, blocks):
    """Standard deviation of the processes' log ratios, each the median over so many blocks of each layout."""
    chosen = [
        [row for start in range(0, len(rows), BLOCKS) for row in rows[start : start + blocks]] for rows in processes
    ]
    return statistics.stdev(
        statistics.median(target - (before + after) / 2 for _, target, before, after in rows) for rows in chosen
    )


if __name__ == "__main__":
    main()
