"""How long collecting every case of both documents takes, and whether the collecting process imports torch."""

import statistics
import subprocess
import sys
import time

from machine import ROOT, describe, write

ROUNDS = 7
#: A plugin for the collecting pytest: at its end it says whether torch came in.
SPY = "import sys, pytest, atexit; atexit.register(lambda: print('torch' in sys.modules)); pytest.console_main()"


def main() -> None:
    machine = describe()
    command = [sys.executable, "-c", SPY, "--modelbench", "--modelbench-suite=published", "--collect-only", "-q"]
    times_s, last = [], ""
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
        times_s.append(time.perf_counter() - begun)
        last = done.stdout
    tests = sum("::" in line for line in last.splitlines())
    write(
        "collect_cost",
        machine,
        {
            "tests": tests,
            "seconds": [round(one, 2) for one in times_s],
            "median_s": round(statistics.median(times_s), 2),
            "imports_torch": last.split()[-1],
        },
    )


if __name__ == "__main__":
    main()
