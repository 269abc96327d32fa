"""What importing torch and timm costs a process: with Python's collector on and off, alone and side by side."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

from machine import describe, write

ROUNDS = 8
ON = "import timm"
OFF = "import gc; gc.disable(); import timm"
KINDS = {"collector on": (ON, 1), "collector off": (OFF, 1), "collector off, two side by side": (OFF, 2)}


def seconds(code: str, processes: int) -> float:
    begun = time.perf_counter()
    for process in [subprocess.Popen([sys.executable, "-c", code]) for _ in range(processes)]:
        assert process.wait() == 0
    return time.perf_counter() - begun


def main() -> None:
    machine = describe()
    seconds(ON, 1)  # files in the kernel's cache
    times_s = {kind: [] for kind in KINDS}
    for _ in range(ROUNDS):
        for kind, what in KINDS.items():
            times_s[kind].append(round(seconds(*what), 3))
            print(kind, times_s[kind][-1], flush=True)
    medians = {kind: round(statistics.median(times), 3) for kind, times in times_s.items()}
    write("import_cost", machine, {"rounds": ROUNDS, "median_s": medians, "seconds": times_s})


if __name__ == "__main__":
    main()
