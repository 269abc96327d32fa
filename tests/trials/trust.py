"""False alarms and missed slowdowns of ours and of peers, alternating in one series; resumes where it was interrupted.

    python tests/trials/trust.py aa [--rounds 30]    unchanged code: quiet, and with a process keeping a core half busy
    python tests/trials/trust.py truth               how much each variant really costs, measured at length
    python tests/trials/trust.py slow [--rounds 20]  real slowdowns and speed-ups, as commits

A series belongs to one machine and to one state of the procedure: its records are in
``results/trust-<machine>-<name>/``, one line a session.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from machine import RESULTS, SMALL_MODELS, competitors, describe, slug
from trust_project import VARIANTS, Project

from pytest_modelbench.core.session import Check
from pytest_modelbench.report.reasons import sentences
from pytest_modelbench.store.results import read_results

TOLERANCE = 0.05
#: Pairs of long measurements behind each true size.
TRUTH_PROCESSES = 10
#: A process that keeps one core busy half of the time, in spells as compilers and tests have them, while this one
#: lives: left behind by a series that was killed, it would disturb whatever is measured next.
BUSY = """import os, time
parent = os.getppid()
while os.getppid() == parent:
    end = time.time() + 0.5
    while time.time() < end: pass
    time.sleep(0.5)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("series", choices=("aa", "truth", "slow"))
    parser.add_argument("--rounds", type=int, default=0)
    parser.add_argument("--name", default="", help="Of the series, where a machine has several.")
    parser.add_argument("--project", type=Path, default=Path(tempfile.gettempdir(), "modelbench-trust"))
    arguments = parser.parse_args()
    machine = describe()
    series = Series(RESULTS / f"trust-{slug(machine, arguments.name)}", Project(arguments.project))
    series.note("machines", machine)
    {"aa": unchanged, "truth": truth, "slow": slowdowns}[arguments.series](series, arguments.rounds)


class Series:
    """The records of one machine, appended line by line, and the project that they are about."""

    def __init__(self, folder: Path, project: Project) -> None:
        self.folder, self.project = folder, project
        folder.mkdir(parents=True, exist_ok=True)

    def note(self, name: str, record: dict[str, Any]) -> None:
        """Append one record."""
        with (self.folder / f"{name}.jsonl").open("a") as file:
            file.write(json.dumps(record) + "\n")

    def records(self, name: str) -> list[dict[str, Any]]:
        """All records so far."""
        path = self.folder / f"{name}.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """A command in the project, with its output."""
        return subprocess.run(
            command,
            cwd=self.project.folder,
            env=self.project.environment(),
            capture_output=True,
            text=True,
            check=False,
        )

    def ours(self, *arguments: str) -> dict[str, Any]:
        """One session of ours: exit status, verdicts, how long it took."""
        path = self.project.folder / "results.json"
        path.unlink(missing_ok=True)
        start = time.monotonic()
        command = [sys.executable, "-m", "pytest", "-q", "--modelbench", "--device=cpu", f"--modelbench-json={path}"]
        done = self.run(*command, *arguments)
        wall_s = round(time.monotonic() - start, 1)
        if not path.exists():
            raise SystemExit(f"a session of ours ended without results:\n{done.stdout}\n{done.stderr}")
        session = read_results(path)
        checks = {
            "::".join(check.key).split("[")[1].replace("]", ""): {
                "verdict": check.judgement.verdict.value,
                "ratio": check.judgement.ratio,
                "low_ratio": check.judgement.low_ratio,
                "high_ratio": check.judgement.high_ratio,
                "processes": check.judgement.processes,
                "pairs": check.judgement.pairs,
                "reason": sentences(check.judgement.reasons),
            }
            for check in session.checks
        }
        return {
            "exit": done.returncode,
            "wall_s": wall_s,
            "processes": session.processes,
            "slowed": _slowed(session.checks),
            "checks": checks,
        }

    def peer(self) -> dict[str, Any]:
        """One session of pytest-benchmark against its stored run: which models fail by which rule."""
        start = time.monotonic()
        storage = self.project.folder / ".benchmarks"
        stored = sorted(storage.glob("*/*.json"))
        rules = [f"--benchmark-compare-fail={rule}:{TOLERANCE:.0%}" for rule in ("min", "median")]
        compare = ["--benchmark-compare=0001", *rules] if stored else ["--benchmark-save=baseline"]
        path = self.project.folder / "results-peer.json"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:modelbench", "peer", f"--benchmark-json={path}"]
        done = self.run(*command, *compare)
        wall_s = round(time.monotonic() - start, 1)
        now = _stats(path)
        if not stored:
            return {"wall_s": wall_s}
        then = _stats(stored[0])
        failed = {
            rule: sorted(name for name in now if now[name][rule] > (1 + TOLERANCE) * then[name][rule])
            for rule in ("min", "median")
        }
        return {"exit": done.returncode, "wall_s": wall_s, "failed": failed}

    def plain(self) -> dict[str, Any]:
        """One session of the plain rule: which models are more than 5 % above what is stored."""
        start = time.monotonic()
        done = self.run(sys.executable, "peer/plain.py")
        wall_s = round(time.monotonic() - start, 1)
        medians = json.loads(done.stdout)
        path = self.project.folder / "results-plain.json"
        if not path.exists():
            path.write_text(done.stdout)
            return {"wall_s": wall_s}
        then = json.loads(path.read_text())
        return {"wall_s": wall_s, "failed": sorted(n for n in medians if medians[n] > (1 + TOLERANCE) * then[n])}


def _slowed(checks: Sequence[Check]) -> dict[int, float]:
    """How much slower, in log, each process of the rounds ran the reference than the fastest of the session."""
    slower: dict[int, list[float]] = {}
    for check in checks:
        if check.metric.name == "latency":
            logs = {one.process: math.log(one.value) - one.log_ratio for one in check.measurements}
            for process, log_s in logs.items():
                slower.setdefault(process, []).append(log_s - min(logs.values()))
    return {process: round(statistics.median(found), 4) for process, found in sorted(slower.items())}


def _stats(path: Path) -> dict[str, dict[str, float]]:
    benchmarks = json.loads(path.read_text())["benchmarks"]
    return {one["params"]["name"]: {rule: one["stats"][rule] for rule in ("min", "median")} for one in benchmarks}


def accepted(series: Series) -> None:
    """Baselines of everybody, recorded once for the series, and a commit on top: other code that does the same."""
    project = series.project
    if project.git("ls-files", "baselines"):
        project.commit(None, "a remark")  # a series that was interrupted may have left a variant behind
        return
    for number in range(5):
        if not (missing := _without_baseline(project)):
            break
        print("to be accepted, attempt", number, missing, flush=True)
        series.ours("--update-baselines", "-k", " or ".join(missing))
    if _without_baseline(project):
        raise SystemExit("no baseline could be recorded: the machine is too disturbed")
    series.peer()
    series.plain()
    project.git("add", "--all")
    project.git("commit", "--quiet", "--message", "baselines")
    project.commit(None, "a remark")


def _without_baseline(project: Project) -> list[str]:
    """Models whose times were not accepted yet: a disturbed machine takes several attempts."""
    stored = "".join(path.read_text() for path in project.folder.glob("baselines/cpu-*/*"))
    return [name for name in project.models if f"test_model[{name}]" not in stored]


def load(kind: str) -> AbstractContextManager[None]:
    """Another process that keeps one core busy half of the time, if ``kind`` says so."""
    return competitors([BUSY] if kind == "load" else [])


def unchanged(series: Series, rounds: int) -> None:
    """Sessions on unchanged code, quiet and loaded in turns, ours and the peers in turns within each."""
    accepted(series)
    for number in range(len(series.records("aa")) // 2, rounds or 30):
        for kind in ("quiet", "load"):
            if sum(record["round"] == number and record["kind"] == kind for record in series.records("aa")):
                continue
            before = os.getloadavg()[0]
            with load(kind):
                tools = {"ours": series.ours, "pytest_benchmark": series.peer, "plain": series.plain}
                # The order turns, so that no tool always comes first.
                names = sorted(tools, key=lambda name: (list(tools).index(name) + number) % len(tools))
                told = {name: tools[name]() for name in names}
            series.note("aa", {"round": number, "kind": kind, "load_before": before, **told})
            print(number, kind, told["ours"]["exit"], told["ours"]["wall_s"], _tally(told["ours"]), flush=True)
            print("   ", told["pytest_benchmark"]["failed"], told["plain"]["failed"], flush=True)


def _tally(session: dict[str, Any]) -> dict[str, int]:
    verdicts = [check["verdict"] for check in session["checks"].values()]
    return {verdict: verdicts.count(verdict) for verdict in sorted(set(verdicts))}


def truth(series: Series, rounds: int) -> None:
    """How much slower each variant is, side by side in one process with the unchanged model, in several processes."""
    for name, model in VARIANTS.items():
        for _ in range(sum(r["variant"] == name for r in series.records("truth")), rounds or TRUTH_PROCESSES):
            done = series.run(sys.executable, str(Path(__file__).with_name("trust_truth.py")), name, model)
            if done.returncode:
                raise SystemExit(done.stderr)
            series.note("truth", {"variant": name, "model": model, "log_ratio": float(done.stdout)})
        found = [record["log_ratio"] for record in series.records("truth") if record["variant"] == name]
        print(name, model, f"{statistics.fmean(found):+.4f}", f"sd {statistics.stdev(found):.4f}", flush=True)


def slowdowns(series: Series, rounds: int) -> None:
    """Sessions on each variant's commit, of the model that it changes; what is found, left open or passed."""
    accepted(series)
    project = series.project
    for number in range(rounds or 20):
        for name, model in VARIANTS.items():
            if any(r["round"] == number and r["variant"] == name for r in series.records("slow")):
                continue
            project.commit(name, name)
            try:
                told = series.ours("-k", model)
            finally:
                project.commit(None, "a remark")
            series.note("slow", {"round": number, "variant": name, "model": model, "ours": told})
            print(number, name, told["wall_s"], _tally(told), flush=True)


if __name__ == "__main__":
    assert set(VARIANTS.values()) <= set(SMALL_MODELS)
    main()
