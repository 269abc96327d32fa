"""What single sources of noise cost on this machine: the allocator's state, cold caches, entering PyTorch's modes."""

import json
import statistics
import subprocess
import sys
import time

from machine import describe, write

PROCESSES = 5
CALLS = 60


def laps(call, count=CALLS):
    """Milliseconds of each call."""
    found = []
    for _ in range(count):
        start = time.perf_counter()
        call()
        found.append((time.perf_counter() - start) * 1e3)
    return found


def child(settled):
    """One process: reference and efficientnet_b0 before and after a larger model, and first calls after another."""
    import torch

    from pytest_modelbench.measure.allocator import settle_allocator
    from pytest_modelbench.measure.pinning import pin
    from pytest_modelbench.measure.reference import reference_workload
    from pytest_modelbench.models.build import build

    torch.set_num_threads(1)
    pin(1)
    if settled:
        settle_allocator()
    cpu = torch.device("cpu")
    reference = reference_workload(cpu).run
    models = {name: build(name, device=cpu) for name in ("mobilenetv3_small_100", "efficientnet_b0")}
    figures = {"reference_before_ms": statistics.median(laps(reference))}
    with models["efficientnet_b0"].inference() as run:
        figures["efficientnet_b0_before_ms"] = statistics.median(laps(run))
    with build("resnet50", device=cpu, batch_size=8).inference() as run:
        laps(run, 2)
    figures["reference_after_ms"] = statistics.median(laps(reference))
    for name, model in models.items():
        with model.inference() as run:
            figures[f"{name}_after_ms"] = statistics.median(laps(run))
            first, second = [], []
            for _ in range(CALLS):
                laps(reference, 4)
                lap = laps(run, 2)
                first.append(lap[0])
                second.append(lap[1])
            figures[f"{name}_cold_call_costs_ms"] = statistics.median(first) - statistics.median(second)
    tiny = build(torch.nn.Identity, device=cpu, image_size=8)
    with tiny.inference() as run:
        inside = statistics.median(laps(run, 2000))
    figures["entering_modes_costs_us"] = 1e3 * (statistics.median(laps(tiny.forward, 2000)) - inside)
    return figures


def main() -> None:
    if len(sys.argv) > 1:
        print(json.dumps(child(sys.argv[1] == "settled")))
        return
    machine = describe()
    figures = {"as_started": [], "settled": []}
    for _ in range(PROCESSES):
        for state, found in figures.items():
            ran = subprocess.run([sys.executable, __file__, state], stdout=subprocess.PIPE, text=True, check=True)
            found.append({key: round(value, 3) for key, value in json.loads(ran.stdout).items()})
            print(state, found[-1], flush=True)
    write("noise_sources", machine, figures)


if __name__ == "__main__":
    main()
