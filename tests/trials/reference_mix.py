"""What moves times from process to process: several candidate reference workloads beside several models, raw.

    python tests/trials/reference_mix.py [PROCESSES]

One process a time, each measuring every model in blocks R1 .. Rk T T Rk .. R1, by the clock of measurements, which
leaves out what others do on the core; every fourth process has two of them there. Resumes where it was interrupted.
Every machine has a file of its own. Prints what each candidate would take out as a second reference: of processes that
follow each other, and of how they move from a fifth of the time to the next.
"""

import json
import math
import os
import random
import statistics
import subprocess
import sys
import time
from pathlib import Path

from calm import SETS, load
from machine import RESULTS, describe, slug

from pytest_modelbench.measure.cpu_clocks import RunningClock

MODELS = {name: size for models in SETS.values() for name, size in models.items()}
PROCESSES = 40
PARTS = 5
BLOCKS = 12
SAMPLE_S = 0.015


CLOCK = RunningClock()


def references():
    """Candidates by name: each calls one kind of work for 1 to 5 ms."""
    import torch

    seeded = torch.Generator().manual_seed(20)

    def data(*shape):
        return torch.randn(*shape, generator=seeded)

    middle, wide = data(1, 128, 28, 28), data(128, 128, 3, 3)
    images, weight = data(1, 64, 112, 112), data(64, 64, 3, 3)
    small, narrow = data(1, 64, 28, 28), data(64, 64, 3, 3)
    left, right = data(384, 384), data(384, 384)
    block, out = data(1 << 20), data(1 << 20)
    large, copy = data(1 << 23), data(1 << 23)
    few = data(16)
    conv = torch.nn.functional.conv2d

    def dispatch():
        for _ in range(300):
            few.add(1.0)

    return {
        "reference": lambda: conv(middle, wide, padding=1),
        "conv": lambda: conv(images, weight, padding=1),
        "conv_small": lambda: conv(small, narrow, padding=1),
        "gemm": lambda: left @ right,
        "memory": lambda: out.copy_(block),
        "memory_large": lambda: copy.copy_(large),
        "dispatch": dispatch,
    }


def timed(call, inner):
    """Mean seconds of ``inner`` calls, after one that is not counted."""
    call()
    CLOCK.synchronize()
    start = CLOCK.mark()
    for _ in range(inner):
        call()
    (elapsed_s,) = CLOCK.elapsed_s([start, CLOCK.mark()])
    return elapsed_s / inner


def calibrated(call):
    for _ in range(3):
        call()
    return max(1, math.ceil(SAMPLE_S / min(timed(call, 1) for _ in range(5))))


def measure(seed):
    """One process: for each model the logs of every block's target and references."""
    import torch

    from pytest_modelbench.measure.allocator import settle_allocator
    from pytest_modelbench.measure.pinning import pin
    from pytest_modelbench.models.build import build

    torch.set_num_threads(1)
    pin(1)
    settle_allocator()
    order = random.Random(seed).sample(list(MODELS.items()), len(MODELS))
    found = {}
    for name, size in order:
        model = build(name, device=torch.device("cpu"), image_size=size)
        calls = references()
        inner = {key: calibrated(call) for key, call in calls.items()}
        with model.inference() as run:
            count = calibrated(run)
            blocks = []
            for _ in range(BLOCKS):
                before = {key: timed(call, inner[key]) for key, call in calls.items()}
                target = [timed(run, count), timed(run, count)]
                after = {key: timed(calls[key], inner[key]) for key in reversed(calls)}
                block = {"target": sum(map(math.log, target)) / 2}
                block |= {key: (math.log(before[key]) + math.log(after[key])) / 2 for key in calls}
                blocks.append({key: round(value, 5) for key, value in block.items()})
        found[name] = blocks
    return {"order": [name for name, _ in order], "load": os.getloadavg()[0], "at": time.time(), "models": found}


def main() -> None:
    if sys.argv[1:2] == ["child"]:
        print(json.dumps(measure(int(sys.argv[2]))))
        return
    processes = int(sys.argv[1]) if len(sys.argv) > 1 else PROCESSES
    machine = describe()
    path = RESULTS / f"reference_mix-{slug(machine, 'own-time')}.json"
    done = json.loads(path.read_text()) if path.exists() else {"machine": machine, "processes": []}
    while len(done["processes"]) < processes:
        number = len(done["processes"])
        with load("two a core" if number % 4 == 3 else "quiet"):
            command = [sys.executable, __file__, "child", str(number)]
            ran = subprocess.run(command, capture_output=True, text=True, check=True)
        done["processes"].append(json.loads(ran.stdout))
        lines = ",\n".join(json.dumps(process) for process in done["processes"])
        text = f'{{"machine": {json.dumps(done["machine"])},\n"processes": [\n{lines}\n]}}\n'
        Path(f"{path}.new").write_text(text)
        os.replace(f"{path}.new", path)
        print(number, flush=True)
    for name in MODELS:
        print(f"{name:22}", " ".join(told(done["processes"], name)))


def told(processes, name):
    """Spread between processes beside the first candidate, and with each other one as a second, weighted.

    The weight is learned by least squares from the other processes, never from the one that it is tried on. Then the
    same of the means of parts of the time, with the weight of all processes: what moves from hour to hour.
    """
    import numpy

    medians = {
        key: numpy.array([statistics.median(block[key] for block in one["models"][name]) for one in processes])
        for key in processes[0]["models"][name][0]
    }
    first, *others = [key for key in medians if key != "target"]
    log_ratio = medians["target"] - medians[first]
    for key in (first, *others):
        second, missed = medians[key] - medians[first], []
        for left_out in range(len(log_ratio)):
            known = numpy.arange(len(log_ratio)) != left_out
            weight = _weight(second[known], log_ratio[known]) if key != first else 0.0
            missed.append(
                log_ratio[left_out] - log_ratio[known].mean() - weight * (second[left_out] - second[known].mean())
            )
        left = log_ratio - (_weight(second, log_ratio) * second if key != first else 0.0)
        parts = [part.mean() for part in numpy.array_split(left, PARTS)]
        spread = math.sqrt(statistics.fmean(square**2 for square in missed))
        yield f"{key} {100 * spread:.2f}/{100 * statistics.stdev(parts):.2f} %"


def _weight(second, log_ratio):
    x, y = second - second.mean(), log_ratio - log_ratio.mean()
    return x @ y / (x @ x)


if __name__ == "__main__":
    main()
