"""Checks and sessions for the tests of the store and of the command line."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pytest_modelbench.core.case import NamedCase
from pytest_modelbench.core.environment import Environment
from pytest_modelbench.core.measurement import CheckKey, Comparability, Figure, Measurement, Quality, RelativeTime
from pytest_modelbench.core.metrics import METRICS, Metric
from pytest_modelbench.core.session import Absent, Check, Outcome, Session, Stamp, TestResult
from pytest_modelbench.core.verdicts import BaselineView, Judgement, Verdict

ENVIRONMENT = Environment(
    kind="cpu",
    name="Some CPU, 2 cores, 1 thread",
    slug="cpu-some-2-cores-1-thread",
    identity={"device": "Some CPU", "threads": 1, "tf32": False},
    provenance={"torch": "2.15.0", "cuda": None},
)
INFERENCE = "tests/benchmarks/test_inference.py::test_inference[resnet50]"


def entries_in(path: Path) -> dict[str, dict[str, Any]]:
    """The entries of the baseline file at ``path`` as JSON has them, by test and check; read without our own code."""
    found: dict[str, dict[str, Any]] = {}
    for record in json.loads(path.read_text())["records"]:
        if record and "test" in record:
            found.setdefault(record.pop("test"), {})[record.pop("check")] = record
    return found


def as_schema_2(path: Path) -> str:
    """The text of the baseline file at ``path`` as schema 2 had it."""
    content = json.loads(path.read_text())
    sessions = {record.pop("session"): record for record in content.pop("records") if record and "session" in record}
    return json.dumps({**content, "schema": 2, "sessions": sessions, "entries": entries_in(path)})


def stamp(day: int, commit: str | None = "abc1234567890") -> Stamp:
    return Stamp(f"2026-11-{day:02d}T15:04:05Z", commit)


def macs(value: float, verdict: Verdict = Verdict.NEW, test: str = INFERENCE, case: str = "resnet50-b1") -> Check:
    return exact(METRICS["macs"], value, verdict, test=test, case=case)


def exact(
    metric: Metric, value: float, verdict: Verdict = Verdict.NEW, *, test: str = INFERENCE, case: str = "case"
) -> Check:
    one = Measurement(metric.name, metric, NamedCase(case), value, test=test)
    return Check(one.key, metric, one.case, (one,), Judgement(verdict, value), "portable", environment=ENVIRONMENT.slug)


def latency(
    values: Sequence[float],
    log_ratios: Sequence[float],
    verdict: Verdict = Verdict.NEW,
    *,
    test: str = INFERENCE,
    reference: str = "conv",
    baseline: BaselineView | None = None,
    disturbance: str = "",
    figures: Mapping[str, Figure] | None = None,
) -> Check:
    """A latency of one process for each value; the reference workload took what value and log ratio say."""
    metric, case = METRICS["latency"], NamedCase("resnet50-b1")
    measurements = tuple(
        Measurement(
            "latency", metric, case, value, RelativeTime(log_ratio, value / math.exp(log_ratio) if reference else None),
            comparability=Comparability(reference=reference), quality=Quality(disturbance), figures=figures or {},
            test=test, process=process,
        )
        for process, (value, log_ratio) in enumerate(zip(values, log_ratios, strict=True))
    )  # fmt: skip
    judgement = Judgement(verdict, values[0], processes=len(values))
    return Check(
        CheckKey(test, "latency"), metric, case, measurements, judgement, ENVIRONMENT.slug, baseline, ENVIRONMENT.slug
    )


def session(
    *checks: Check,
    day: int = 22,
    tests: Sequence[TestResult] | None = None,
    environments: tuple[Environment, ...] = (ENVIRONMENT,),
    interrupted: bool = False,
    absent: Sequence[Absent] = (),
) -> Session:
    if tests is None:
        tests = [TestResult(test, Outcome.PASSED, 1.0) for test in sorted({check.key.test for check in checks})]
    return Session(
        stamp(day), environments, checks, tuple(tests), 12.5, 3, interrupted=interrupted, absent=tuple(absent)
    )
