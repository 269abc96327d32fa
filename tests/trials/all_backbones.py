"""Wall time of all 25 backbones: latency, throughput, memory and cost, up to three rounds."""

import subprocess
import sys
import tempfile
import time

from machine import ROOT, describe, write


def main() -> None:
    machine = describe()
    with tempfile.TemporaryDirectory() as baselines:
        command = [
            sys.executable, "-m", "pytest", "--modelbench", "--device=cpu", "--modelbench-suite=backbones", "-q",
            "-p", "no:cacheprovider", "--modelbench-rounds=3", f"--modelbench-baselines={baselines}",
        ]  # fmt: skip
        begun = time.perf_counter()
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        wall_s = time.perf_counter() - begun
    figures = {"wall_s": round(wall_s, 1), "status": done.returncode, "closing_line": done.stdout.splitlines()[-1]}
    write("all_backbones", machine, figures)


if __name__ == "__main__":
    main()
