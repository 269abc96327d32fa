"""What makes processes differ: huge pages, Python's hash seed, and where the kernel puts a process in memory.

Kinds in turns, a fresh process each: the log ratio of small models to the reference workload, as a session has it.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import subprocess
import sys

from machine import SMALL_MODELS, describe, write

PROCESSES = 8
MODELS = ("mobilenetv3_small_100", "efficientnet_b0")
FIXED = ("setarch", "-R")
#: A prefix of the command, and variables of its environment.
KINDS: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {
    "plain": ((), {}),
    "huge pages": ((), {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}),
    "one hash seed": ((), {"PYTHONHASHSEED": "0"}),
    "one hash seed, addresses not random": (FIXED, {"PYTHONHASHSEED": "0"}),
}


def measure() -> dict[str, float]:
    """The log ratio of each model in this process."""
    import torch

    from pytest_modelbench.measure.allocator import settle_allocator
    from pytest_modelbench.measure.clocks import clock_for
    from pytest_modelbench.measure.pinning import pin
    from pytest_modelbench.measure.reference import reference_workload
    from pytest_modelbench.measure.sampling import Alone, Conditions, Target, sample
    from pytest_modelbench.models.build import build

    device = torch.device("cpu")
    torch.set_num_threads(1)
    pin(1)
    settle_allocator()
    log_ratios = {}
    for name in random.sample(MODELS, len(MODELS)):
        model, reference = build(name, device=device, image_size=SMALL_MODELS[name]), reference_workload(device)

        def renew(model=model, reference=reference) -> None:
            reference.renew()
            model.renew()

        with model.inference() as run:
            target, conditions = Target(run, clock_for(device)), Conditions(renew=renew)
            log_ratios[name] = sample(target, Alone(reference.run), conditions=conditions).log_ratio
    return log_ratios


def spread(log_ratios: list[float]) -> float:
    """Standard deviation by the median absolute deviation: single processes in a disturbed spell do not count."""
    middle = statistics.median(log_ratios)
    return round(1.4826 * statistics.median(abs(log_ratio - middle) for log_ratio in log_ratios), 4)


def main() -> None:
    if len(sys.argv) > 1:
        print(json.dumps(measure()))
        return
    machine = describe()
    log_ratios: dict[str, dict[str, list[float]]] = {kind: {name: [] for name in MODELS} for kind in KINDS}
    for number in range(PROCESSES):
        for kind, (prefix, variables) in KINDS.items():
            command = [*prefix, sys.executable, __file__, "child"]
            ran = subprocess.run(
                command, env={**os.environ, **variables}, stdout=subprocess.PIPE, text=True, check=True
            )
            for name, log_ratio in json.loads(ran.stdout).items():
                log_ratios[kind][name].append(round(log_ratio, 4))
        print(number + 1, flush=True)
    spreads = {kind: {name: spread(found[name]) for name in MODELS} for kind, found in log_ratios.items()}
    write("process_noise", machine, {"spread": spreads, "log_ratios": log_ratios})


if __name__ == "__main__":
    main()
