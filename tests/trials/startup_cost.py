"""What the installed, unused plugin adds to a pytest start: with and without it, alternating, in one series."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from machine import describe, write

ROUNDS = 60


def start(folder: str, *arguments: str) -> float:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    # With compiled modules kept, as Python does by default; some containers switch that off.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    begun = time.perf_counter()
    subprocess.run(command, cwd=folder, capture_output=True, check=True, env=environment)
    return time.perf_counter() - begun


def main() -> None:
    machine = describe()
    others = ["-p", "no:hypothesispytest", "-p", "no:xdist", "-p", "no:benchmark", "-p", "no:anyio"]
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "test_it.py").write_text("def test_it():\n    pass\n")
        for _ in range(3):
            start(folder, *others)
        pairs = []
        for number in range(ROUNDS):
            order = (["-p", "no:modelbench"], []) if number % 2 else ([], ["-p", "no:modelbench"])
            times = {bool(extra): start(folder, *others, *extra) for extra in order}
            pairs.append((times[True], times[False]))
    added_ms = [(with_it - without) * 1e3 for without, with_it in pairs]
    quartiles = statistics.quantiles(added_ms, n=4)
    write(
        "startup_cost",
        machine,
        {
            "pairs": ROUNDS,
            "median_start_ms": round(statistics.median(without for without, _ in pairs) * 1e3, 1),
            "added_median_ms": round(statistics.median(added_ms), 2),
            "added_quartiles_ms": [round(q, 2) for q in quartiles],
            "difference_of_minima_ms": round((min(w for _, w in pairs) - min(w for w, _ in pairs)) * 1e3, 2),
            "added_ms": [round(x, 2) for x in added_ms],
        },
    )


if __name__ == "__main__":
    main()
