"""Counters of 25 backbones and a model of each task: the same in ten processes, and how long counting takes.

    python tests/trials/counters.py [--processes 10]

In each process every model is counted, forward and backward; in the first one its plain forward pass on the CPU is
timed beside, at the same batch (one image, two for a task), the fastest of five each.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from machine import describe, write

from pytest_modelbench.published.backbones import backbone_rows

TASKS = ("detection", "segmentation", "instance_segmentation")


def models() -> list[dict[str, Any]]:
    """What is built: a name, and options."""
    return [{"model": name} for name in backbone_rows()] + [
        {"model": "resnet50", "task": task, "batch_size": 2} for task in TASKS
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, default=10)
    parser.add_argument("--once", choices=("plain", "timed"))
    arguments = parser.parse_args()
    if arguments.once:
        print(json.dumps(counted(timed=arguments.once == "timed")))
        return
    told = []
    for number in range(arguments.processes):
        command = [sys.executable, __file__, "--once", "plain" if number else "timed"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        told.append(json.loads(done.stdout.splitlines()[-1]))
        print(number, len(told[-1]), flush=True)
    same = {case: len({one[case]["digest"] for one in told}) == 1 for case in told[0]}
    ratios = {case: round(one["counting_s"] / one["forward_s"], 3) for case, one in told[0].items()}
    figures = {
        "processes": arguments.processes,
        "cases": len(same),
        "the same in all": sum(same.values()),
        "counting over a plain forward pass, median": statistics.median(ratios.values()),
        "largest": max(ratios.values()),
        "ratios": ratios,
        "operators": {case: one["operators"] for case, one in told[0].items()},
    }
    write("counters", describe(), figures)


def counted(*, timed: bool) -> dict[str, dict[str, Any]]:
    """By case, the counters as a digest, and how long counting and a forward pass take."""
    import torch

    from pytest_modelbench.bench.counting import count
    from pytest_modelbench.models.build import build

    found = {}
    torch.set_num_threads(1)
    for options in models():
        model = build(device=torch.device("cpu"), **options)
        counters = [count(model), count(model, backward=True)]
        told: dict[str, Any] = {
            "digest": hashlib.sha256(repr(counters).encode()).hexdigest(),
            "operators": counters[0].operators.total,
        }
        if timed:
            told["counting_s"] = fastest_s(lambda model=model: count(model))
            model.forward()
            told["forward_s"] = fastest_s(model.forward)
        found[model.case.id] = told
    return found


def fastest_s(call: Callable[[], object]) -> float:
    times_s = []
    for _ in range(5):
        begun = time.perf_counter()
        call()
        times_s.append(time.perf_counter() - begun)
    return min(times_s)


if __name__ == "__main__":
    main()
