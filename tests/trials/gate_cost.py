"""Wall time of the quick gate (3 rounds: latency, memory, cost of four backbones, and the photos) beside timm's loop.

Alternating, same machine, same thread count. The gate is compared with a baseline that it recorded just before, and
stops after three rounds, so that it costs the same each time.
"""

import subprocess
import sys
import tempfile
import time

from machine import ROOT, describe, write

from pytest_modelbench.published.backbones import QUICK

ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 3


def timed(*command: str) -> float:
    start = time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 10):  # 10: inconclusive, which costs the same
        raise SystemExit(done.stdout + done.stderr)
    return round(time.perf_counter() - start, 2)


def main() -> None:
    machine = describe()
    with tempfile.TemporaryDirectory() as baselines:
        gate = [
            sys.executable, "-m", "pytest", "--modelbench", "--device=cpu", "--modelbench-threads=1", "-q",
            "-p", "no:cacheprovider", f"--modelbench-baselines={baselines}",
        ]  # fmt: skip
        loop = [sys.executable, "tests/trials/timm_loop.py", "1", *QUICK]
        timed(*gate, "--update-baselines")
        rounds = []
        for number in range(ROUNDS):
            rounds.append({"timm_s": timed(*loop), "gate_s": timed(*gate, "--modelbench-rounds=3")})
            rounds[-1]["ratio"] = round(rounds[-1]["gate_s"] / rounds[-1]["timm_s"], 3)
            print(number, rounds[-1], file=sys.stderr, flush=True)
    write("gate_cost", machine, rounds)


if __name__ == "__main__":
    main()
