"""Unchanged code, eleven sessions: one that records, ten that compare.

Deterministic metrics must not differ by a byte; for latencies, how far log ratios of processes lie apart.
"""

import math
import statistics
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from pathlib import Path

from machine import ROOT, describe, write

from pytest_modelbench.store.results import read_results

SESSIONS = int(sys.argv[1]) if len(sys.argv) > 1 else 10


def main() -> None:
    machine = describe()
    values: dict[str, set[float]] = defaultdict(set)
    log_ratios: dict[str, list[list[float]]] = defaultdict(list)
    verdicts: Counter[str] = Counter()
    statuses: Counter[int] = Counter()
    sessions = []
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable, "-m", "pytest", "--modelbench", "--device=cpu", "-q", "-p", "no:cacheprovider",
            f"--modelbench-baselines={folder}/baselines", f"--modelbench-json={folder}/results.json",
        ]  # fmt: skip
        for number in range(SESSIONS + 1):
            more = ["--update-baselines"] if number == 0 else []
            done = subprocess.run(
                [*command, *(more or ["--modelbench-rounds=3"])], cwd=ROOT, capture_output=True, text=True, check=False
            )
            session = read_results(Path(folder, "results.json"))
            noisy = []
            for check in session.checks:
                name, verdict = f"{check.case.id} {check.key.name}", check.judgement.verdict.value
                if not check.metric.noisy:
                    values[name].update(one.value for one in check.measurements)
                    continue
                log_ratios[name].append([one.log_ratio for one in check.measurements])
                noisy.append((name, verdict, check.judgement.processes))
                if number:
                    verdicts[verdict] += 1
            if number:
                statuses[done.returncode] += 1
            sessions.append({"status": done.returncode, "duration_s": session.duration_s, "noisy": noisy})
            print(number, done.returncode, round(session.duration_s, 1), Counter(v for _, v, _ in noisy), flush=True)
    differing = sorted(name for name, seen in values.items() if len(seen) > 1)
    write(
        "repeatability",
        machine,
        {
            "sessions": SESSIONS,
            "exit_statuses": statuses,
            "deterministic_checks": len(values),
            "deterministic_checks_that_differ": differing,
            "noisy_verdicts": verdicts,
            "process_sd_percent": {
                name: round(100 * math.sqrt(statistics.fmean(statistics.variance(s) for s in runs)), 2)
                for name, runs in log_ratios.items()
            },
            "session_sd_percent": {
                name: round(100 * statistics.stdev(statistics.fmean(s) for s in runs), 2)
                for name, runs in log_ratios.items()
            },
            "raw_sessions": sessions,
            "raw_log_ratios": log_ratios,
        },
    )


if __name__ == "__main__":
    main()
