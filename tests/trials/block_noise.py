"""How far blocks of one process disagree, and how many of them a process should take: raw, block by block.

One process a time, in which six models take turns block by block, for a minute or so; resumes where it was
interrupted, and every machine has a file of its own, or several by a name that is given. Prints, for several rules of
stopping, how many blocks they take and how far what they give spreads, over consecutive stretches of all processes;
beside it the same of the blocks that `layouts.py` has kept.
"""

import json
import math
import random
import statistics
import sys
from dataclasses import replace

from layouts import BLOCKS as LAYOUT_BLOCKS
from machine import RESULTS, SMALL_MODELS, describe, in_processes, slug

from pytest_modelbench.core.blocks import median_error

PROCESSES, ROUNDS, RENEWED_EVERY = 6, 60, 8
#: The fewest blocks that a rule takes, and the most.
FEWEST, MOST = 8, 24
#: Blocks whose reference ran this much slower, in log, than the fastest of all are left out, as the sampler does.
SLOW = math.log(1.12)


def measure():
    """One process: a row a block, [model, round, log of both targets, log of both references]."""
    import torch

    from pytest_modelbench.measure.allocator import settle_allocator
    from pytest_modelbench.measure.clocks import clock_for
    from pytest_modelbench.measure.pinning import pin
    from pytest_modelbench.measure.plan import SamplingPlan
    from pytest_modelbench.measure.reference import reference_workload
    from pytest_modelbench.measure.workload import seconds_of, warm_up
    from pytest_modelbench.models.build import build

    torch.set_num_threads(1)
    pin(1)
    settle_allocator()
    device = torch.device("cpu")
    clock, plan, reference = clock_for(device), SamplingPlan(), reference_workload(device)
    models, works = {}, {}
    for name, size in SMALL_MODELS.items():
        models[name] = build(name, device=device, image_size=size)
        with models[name].inference() as run:
            aside = warm_up(reference.run, "reference", clock, plan)
            works[name] = aside, warm_up(run, "target", clock, plan)
    rows = []
    for number in range(ROUNDS):
        if number and number % RENEWED_EVERY == 0:
            reference.renew()
            for model in models.values():
                model.renew()
        for name in random.sample(list(models), len(models)):
            aside, target = works[name]
            with models[name].inference() as run:
                run()
                target = replace(target, call=run)
                before, first, second, after = seconds_of([aside, target, target, aside], clock)
            rows.append([name, number, *(round(math.log(one), 5) for one in (first, second, before, after))])
    return rows


def rules():
    """How many of the blocks to come each rule takes, by its name."""
    for blocks in (8, 12, 16, 24):
        yield f"always {blocks}", lambda log_ratios, blocks=blocks: blocks
    for precise in (0.006, 0.008, 0.010, 0.012):

        def until(log_ratios, precise=precise):
            taken = FEWEST
            while taken < min(MOST, len(log_ratios)) and median_error(log_ratios[:taken]) > precise:
                taken += 1
            return taken

        def once(log_ratios, precise=precise):
            return min(MOST, max(FEWEST, math.ceil(FEWEST * (median_error(log_ratios[:FEWEST]) / precise) ** 2)))

        yield f"until {precise:.1%}", until
        yield f"once {precise:.1%}", once


def of_layouts(rows):
    """Log ratios of a model's blocks as `layouts.py` keeps them, a block of each layout in turns."""
    log_ratios = [target - (before + after) / 2 for _, target, before, after in rows]
    return [log_ratio for first in range(LAYOUT_BLOCKS) for log_ratio in log_ratios[first::LAYOUT_BLOCKS]]


def tell(series):
    """For each rule the blocks it takes, and how far what it gives spreads between stretches of a model's blocks."""
    for rule, wanted in rules():
        blocks, spreads = [], {}
        for model, stretches in series.items():
            values = []
            for log_ratios in stretches:
                left = log_ratios
                while len(left) >= FEWEST:
                    taken = min(wanted(left), len(left))
                    blocks.append(taken)
                    values.append(statistics.median(left[:taken]))
                    left = left[taken:]
            spreads[model] = 100 * statistics.stdev(values)
        rms = math.sqrt(statistics.fmean(spread**2 for spread in spreads.values()))
        print(f"{rule:12} {statistics.fmean(blocks):5.1f} blocks, spread {rms:.2f} %:", end="")
        print("".join(f" {model} {spread:.2f}" for model, spread in spreads.items()))


def read(path):
    """What each process told."""
    _, *processes = (json.loads(line) for line in path.read_text().splitlines())
    return processes


def main() -> None:
    if sys.argv[1:] == ["child"]:
        print(json.dumps(measure()))
        return
    name = f"block_noise-{slug(describe(), *sys.argv[1:])}"
    in_processes(__file__, name, PROCESSES)
    processes = read(RESULTS / f"{name}.jsonl")
    fastest = min(reference for rows in processes for row in rows for reference in row[4:])
    series = {
        model: [
            [
                (first + second - before - after) / 2
                for name, _, first, second, before, after in rows
                if name == model and max(before, after) < fastest + SLOW
            ]
            for rows in processes
        ]
        for model in SMALL_MODELS
    }
    print(name)
    tell(series)
    for path in sorted(RESULTS.glob("layouts-*.jsonl")):
        print(path.stem)
        tell({model: [of_layouts(process[model]) for process in read(path)] for model in SMALL_MODELS})


if __name__ == "__main__":
    main()
