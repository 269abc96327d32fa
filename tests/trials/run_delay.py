"""Which time of a sample is the model's on a busy core: the wall's, less waits for the core, the CPU's, or the clock's?

    python tests/trials/run_delay.py

Blocks of reference, target, target, reference, on one core on which others compute besides. Each sample is read by
four clocks at once; what counts is how far the medians are from those of the quiet core, and how far blocks scatter.
The last target sleeps, waits for a lock and reads a file in each call: all of that is its own.
"""

from __future__ import annotations

import math
import os
import statistics
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
from pytest_modelbench.host.proc import parse_stat
from pytest_modelbench.measure.cpu_clocks import RunningClock
from tests.trials.machine import competitors, describe, write

BLOCKS = 30
SAMPLE_S = 0.02
MODELS = ("regnetx_002", "densenet121", "mobilevit_xxs")
_BUSY = "while True: pass"
_HALF = """
import time
while True:
    end = time.perf_counter() + 0.01
    while time.perf_counter() < end: pass
    time.sleep(0.01)
"""
_MEMORY = "import torch\ntorch.set_num_threads(1)\na, b = torch.rand(2, 4_000_000)\nwhile True: torch.add(a, b, out=b)"
LOADS: dict[str, list[str]] = {
    "quiet": [],
    "half busy": [_HALF],
    "1 competitor": [_BUSY],
    "2 competitors": [_BUSY] * 2,
    "4 competitors": [_BUSY] * 4,
    "1 memory-bound competitor": [_MEMORY],
}
CLOCKS = ("wall", "less delay", "CPU", "ours")
Times = tuple[float, ...]


def main() -> None:
    """Measure all, and write it."""
    import torch

    from pytest_modelbench.measure.reference import reference_workload

    machine = describe()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    torch.set_num_threads(1)
    reference = reference_workload(torch.device("cpu"))
    figures: dict[str, dict[str, object]] = {}
    for name, call in _targets().items():
        for load, sources in LOADS.items():
            with competitors(sources, settle_s=3):
                found = _blocks(reference.run, call)
            figures.setdefault(name, {})[load] = found
            print(name, load, found, flush=True)
    taken = _taken()
    print("taken", taken, flush=True)
    write("run_delay", machine, {"clocks": figures, "taken": taken})


def _targets() -> dict[str, Callable[[], object]]:
    import timm
    import torch

    found: dict[str, Callable[[], object]] = {}
    for name in MODELS:
        model = timm.create_model(name).eval()
        images = torch.zeros(1, 3, 224, 224)
        found[name] = lambda model=model, images=images: _inference(model, images)
    first, second = torch.rand(2, 4_000_000)
    found["memory-bound addition"] = lambda: torch.add(first, second, out=second)
    lock = threading.Lock()

    def waits() -> None:
        time.sleep(0.002)
        lock.acquire()
        threading.Timer(0.002, lock.release).start()
        with lock, open("/proc/self/smaps") as file:
            file.read()

    found["sleeps, waits and reads"] = waits
    return found


def _taken() -> dict[str, float | None]:
    """A minute of a thread that never gives its core up: what it neither ran nor waited, and what the host had of it.

    The host's part (steal) is that of the core, in ticks of 10 ms.
    """
    clock, core = RunningClock(), os.sched_getaffinity(0)
    stolen = parse_stat(Path("/proc/stat").read_text(), sorted(core))
    before, end = clock.mark(), time.perf_counter() + 60
    while time.perf_counter() < end:
        pass
    after, ended = clock.mark(), parse_stat(Path("/proc/stat").read_text(), sorted(core))
    assert before.delay_ns is not None
    assert after.delay_ns is not None
    neither_ns = after.wall_ns - before.wall_ns - (after.delay_ns - before.delay_ns) - (after.cpu_ns - before.cpu_ns)
    return {
        "neither_s": neither_ns / 1e9,
        "steal_s": (ended[0] - stolen[0]) / os.sysconf("SC_CLK_TCK") if stolen and ended else None,
        "given_up": (after.given_up or 0) - (before.given_up or 0),
    }


def _inference(model: Callable[[object], object], images: object) -> object:
    import torch

    with torch.inference_mode():
        return model(images)


def _blocks(reference: Callable[[], object], target: Callable[[], object]) -> dict[str, dict[str, float]]:
    clock = RunningClock()

    def sample(call: Callable[[], object], inner: int) -> Times:
        call()
        clock.synchronize()
        before = clock.mark()
        for _ in range(inner):
            call()
        after = clock.mark()
        assert before.delay_ns is not None, "the kernel does not count it here"
        assert after.delay_ns is not None
        wall_ns = after.wall_ns - before.wall_ns
        less_delay_ns = wall_ns - (after.delay_ns - before.delay_ns)
        (own_s,) = clock.elapsed_s([before, after])
        times_s = (wall_ns / 1e9, less_delay_ns / 1e9, (after.cpu_ns - before.cpu_ns) / 1e9, own_s)
        return tuple(time_s / inner for time_s in times_s)

    inners = []
    for call in (reference, target):
        call()
        inners.append(max(1, math.ceil(SAMPLE_S / min(sample(call, 3)[1] for _ in range(3)))))
    blocks = []
    for _ in range(BLOCKS):
        order = ((reference, 0), (target, 1), (target, 1), (reference, 0))
        blocks.append([sample(call, inners[which]) for call, which in order])
    found = {}
    for place, name in enumerate(CLOCKS):
        ratios = [
            math.log(b[1][place] * b[2][place] / b[0][place] / b[3][place]) / 2 if min(s[place] for s in b) > 0 else 0.0
            for b in blocks
        ]
        times = [s[place] for b in blocks for s in b[1:3]]
        found[name] = {
            "median_ms": round(1e3 * statistics.median(times), 3),
            "median_log_ratio": round(statistics.median(ratios), 4),
            "sd_log_ratio": round(statistics.stdev(ratios), 4),
        }
    return found


if __name__ == "__main__":
    main()
