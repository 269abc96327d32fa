"""What baselines of many checks cost: read, judged, rendered, accepted; and what a test costs that writes 100 MB.

    python tests/trials/faults/scale.py

Seconds are the least of some runs one after the other: what else runs on the machine only adds to them.
"""

from __future__ import annotations

import gc
import math
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))
from pytest_modelbench.core.case import Case
from pytest_modelbench.core.environment import Environment
from pytest_modelbench.core.measurement import Comparability, Measurement, RelativeTime
from pytest_modelbench.core.session import Check, Outcome, Session, Stamp, TestResult
from pytest_modelbench.core.settings import Settings
from pytest_modelbench.core.verdicts import Judgement, Verdict
from pytest_modelbench.report.summary import Told
from pytest_modelbench.report.terminal import Look, render
from pytest_modelbench.session.gate import Gate, Policy
from pytest_modelbench.store.baselines import BaselineStore
from pytest_modelbench.store.results import read_results, write_results
from tests.trials.faults.real_sessions import RealProject
from tests.trials.machine import describe, write

COUNTS = (1_000, 3_000, 10_000, 30_000)
RUNS = 3
#: Processes behind a noisy check.
PROCESSES = 5
OUTPUT_BYTES = 100_000_000
ENVIRONMENT = Environment("cpu", "a CPU", "cpu-a", {"device": "cpu", "threads": 1}, {"torch": "2.11"})
_WRITES = "def test_it(modelbench):\n    print('x' * {count})\n    modelbench.record('answer', 1)\n"


def main() -> None:
    """Measure all, and write it."""
    machine = describe()
    figures = {
        "exact": [_costs(count, noisy=False) for count in COUNTS],
        "noisy": [_costs(count, noisy=True) for count in COUNTS[:-1]],
        "output": _output(),
    }
    write("scale", machine, figures)


def _costs(count: int, *, noisy: bool) -> dict[str, float]:
    """Seconds for each of what is done with ``count`` checks of one module."""
    measured = [_measured(number, 1.0, noisy) for number in range(count)]
    changed = [_measured(number, 1.3, noisy) for number in range(count)]
    stamps = iter(f"2026-11-{day:02d}T12:00:00.000Z" for day in range(1, 29))

    def accept(all_measured: list[tuple[Measurement, ...]], verdict: Verdict, store: BaselineStore) -> None:
        store.accept([_check(one, verdict) for one in all_measured], Stamp(next(stamps)), ENVIRONMENT)

    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        store = BaselineStore(root / "kept")
        accept(measured, Verdict.NEW, store)
        stores = iter(BaselineStore(root / f"again-{number}") for number in range(RUNS))
        found = {"checks": float(count)}
        found["accept new ones"] = _least(lambda: accept(measured, Verdict.NEW, next(stores)), RUNS)
        found["accept changed ones"] = _least(lambda: accept(changed, Verdict.REGRESSED, store), RUNS)
        found["load"] = _least(lambda: BaselineStore(store.folder).load("cpu-a" if noisy else "portable"))
        gate = Gate(store, ENVIRONMENT, Policy(Settings(), (PROCESSES,)))
        found["judge"] = _least(lambda: [gate.check(one, count) for one in measured])
        session = _session([gate.check(one, count)[0] for one in measured])
        found["render"] = _least(lambda: render(session, Look(), Told()))
        path = root / "results.json"
        found["write results"] = _least(lambda: write_results(path, session))
        found["read results"] = _least(lambda: read_results(path))
    print(found, flush=True)
    return found


def _measured(number: int, factor: float, noisy: bool) -> tuple[Measurement, ...]:
    case, test = Case(f"net{number}", 1, (224, 224)), f"tests/test_net.py::test_it[{number}]"
    if not noisy:
        return (Measurement.of("macs", round((1_000_000 + number) * factor), case, test=test),)
    draw = random.Random(f"{number} {factor}")
    ratios = [math.log(3 * factor) + draw.gauss(0, 0.005) for _ in range(PROCESSES)]
    made = Comparability(reference="conv")
    return tuple(
        Measurement.of(
            "latency",
            0.002 * math.exp(ratio),
            case,
            test=test,
            comparability=made,
            timing=RelativeTime(ratio, 0.002),
            process=process,
        )
        for process, ratio in enumerate(ratios, 1)
    )


def _check(measured: tuple[Measurement, ...], verdict: Verdict) -> Check:
    one = measured[-1]
    return Check(
        one.key, one.metric, one.case, measured, Judgement(verdict, one.value), ENVIRONMENT.folder(one.metric.scope),
        environment=ENVIRONMENT.slug,
    )  # fmt: skip


def _session(checks: list[Check]) -> Session:
    tests = tuple(TestResult(check.key.test, Outcome.PASSED, 0.1) for check in checks)
    return Session(Stamp("2026-11-30T12:00:00.000Z"), (ENVIRONMENT,), tuple(checks), tests, 1.0, PROCESSES)


def _least(run: Callable[[], object], runs: int = RUNS) -> float:
    taken = []
    gc.collect()
    gc.freeze()  # a session does not hold what was made here to be measured
    for _ in range(runs):
        start = time.perf_counter()
        run()
        taken.append(time.perf_counter() - start)
    return round(min(taken), 4)


def _output() -> dict[str, float]:
    """Seconds of a session with one test that writes so much, and of one that writes nothing."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, count in (("nothing", 0), ("100 MB", OUTPUT_BYTES)):
            project = RealProject(Path(folder, name), {"test_it.py": _WRITES.format(count=count)}, set())
            found[name] = _least(lambda project=project: project.start("--modelbench-rounds=1").end(), 3)
    print(found, flush=True)
    return found


if __name__ == "__main__":
    main()
