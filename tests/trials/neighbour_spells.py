"""How often others slow our cores, for how long, and whether all at once: the reference, core by core.

    python tests/trials/neighbour_spells.py [SECONDS]

Nothing else should run meanwhile. Keeps how many looks at each core were slowed, and how long spells lasted.
"""

import itertools
import os
import statistics
import sys
import time

from machine import describe, slug, write

from pytest_modelbench.core.measurement import SLOWED
from pytest_modelbench.measure.cpu_clocks import RunningClock

CALLS = 6


def main() -> None:
    import torch

    from pytest_modelbench.measure.reference import reference_workload

    torch.set_num_threads(1)
    run, clock = reference_workload(torch.device("cpu")).run, RunningClock()
    cores = sorted(os.sched_getaffinity(0))[:4]

    def look(core: int) -> float:
        os.sched_setaffinity(0, {core})
        run()
        marks = [clock.mark()]
        for _ in range(CALLS):
            run()
            marks.append(clock.mark())
        return statistics.median(clock.elapsed_s(marks))

    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 120.0
    looks, begun = [], time.monotonic()
    while time.monotonic() - begun < seconds:
        looks.append([look(core) for core in cores])
    step_s = (time.monotonic() - begun) / len(looks)
    slow_s = (1 + SLOWED) * min(map(min, looks))
    slowed = [[one > slow_s for one in row] for row in looks]
    of_cores = {}
    for place, core in enumerate(cores):
        series = [row[place] for row in slowed]
        spells = sorted(step_s * len(list(spell)) for is_slow, spell in itertools.groupby(series) if is_slow)
        times = [row[place] for row in looks]
        of_cores[core] = {
            "slowed_share": sum(series) / len(series),
            "median_by": statistics.median(times) / min(times) - 1,
            "spells": len(spells),
            "longest_s": spells[-1] if spells else 0.0,
            "median_spell_s": statistics.median(spells) if spells else 0.0,
        }
    machine = describe()
    found = {
        "seconds": seconds,
        "looks": len(looks),
        "step_s": step_s,
        "all_cores_slowed_share": sum(map(all, slowed)) / len(slowed),
        "cores": of_cores,
    }
    print(found)
    write(f"neighbour_spells-{slug(machine, '')}", machine, found)


if __name__ == "__main__":
    main()
