"""What another process on the other core costs: two virtual cores may be two threads of one physical core."""

import os
import statistics
import subprocess
import sys
import time

import torch
from machine import describe, write

from pytest_modelbench.measure.allocator import settle_allocator
from pytest_modelbench.measure.pinning import pin
from pytest_modelbench.measure.reference import reference_workload
from pytest_modelbench.models.build import build

ROUNDS = 4
CALLS = 100
LOOP = "while True: pass"
CONVOLUTION = (
    "import torch; torch.set_num_threads(1); a = torch.randn(1, 64, 112, 112); w = torch.randn(64, 64, 3, 3)\n"
    "while True: torch.nn.functional.conv2d(a, w, padding=1)"
)


def median_ms(call):
    laps = []
    for _ in range(CALLS):
        start = time.perf_counter()
        call()
        laps.append((time.perf_counter() - start) * 1e3)
    return round(statistics.median(laps), 3)


def main() -> None:
    machine = describe()
    others = os.sched_getaffinity(0)
    torch.set_num_threads(1)
    others -= set(pin(1))
    settle_allocator()
    cpu = torch.device("cpu")
    reference = reference_workload(cpu).run
    figures = []
    with build("mobilenetv3_small_100", device=cpu).inference() as run:
        median_ms(run)
        for _ in range(ROUNDS):
            for name, code in (("nobody", None), ("loop", LOOP), ("convolution", CONVOLUTION)):
                place = f"import os; os.sched_setaffinity(0, {sorted(others)})\n"
                busy = subprocess.Popen([sys.executable, "-c", place + code]) if code else None
                time.sleep(4 if busy else 0)  # until it has imported what it needs
                figures.append({"beside": name, "reference_ms": median_ms(reference), "mobilenet_ms": median_ms(run)})
                print(figures[-1], flush=True)
                if busy:
                    busy.kill()
                    busy.wait()
    write("neighbour", machine, figures)


if __name__ == "__main__":
    main()
