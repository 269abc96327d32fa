"""Checks and sessions for the tests of the store and of the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pytest_modelbench.core.environment import Environment
from pytest_modelbench.core.metrics import METRICS, Metric
from pytest_modelbench.core.records import CheckKey, Record
from pytest_modelbench.core.session import Check, Session, Stamp, TestResult
from pytest_modelbench.core.verdicts import BaselineView, Judgement, Verdict

ENVIRONMENT = Environment(
    kind="cpu",
    name="Some CPU, 2 cores, 1 thread",
    slug="cpu-some-2-cores-1-thread",
    identity={"device": "Some CPU", "threads": 1, "tf32": False},
    provenance={"torch": "2.15.0", "cuda": None},
)
INFERENCE = "tests/benchmarks/test_inference.py::test_inference[resnet50]"


def stamp(day: int, commit: str | None = "abc1234567890") -> Stamp:
    return Stamp(f"2026-11-{day:02d}T15:04:05Z", commit)


def macs(value: float, verdict: Verdict = Verdict.NEW, test: str = INFERENCE, case: str = "resnet50-b1") -> Check:
    metric = METRICS["macs"]
    record = Record(test, "macs", metric, case, value)
    return Check(CheckKey(test, "macs"), metric, case, (record,), Judgement(verdict, value), "portable")


def exact(metric: Metric, value: float, verdict: Verdict = Verdict.NEW) -> Check:
    record = Record(INFERENCE, metric.name, metric, "case", value)
    return Check(record.key, metric, "case", (record,), Judgement(verdict, value), "portable")


def latency(
    values: Sequence[float],
    levels: Sequence[float],
    verdict: Verdict = Verdict.NEW,
    *,
    test: str = INFERENCE,
    basis: str = "conv",
    baseline: BaselineView | None = None,
    details: Mapping[str, object] | None = None,
) -> Check:
    metric = METRICS["latency"]
    records = tuple(
        Record(test, "latency", metric, "resnet50-b1", value, level, basis, process=process, details=details or {})
        for process, (value, level) in enumerate(zip(values, levels, strict=True))
    )
    judgement = Judgement(verdict, values[0], processes=len(values))
    return Check(CheckKey(test, "latency"), metric, "resnet50-b1", records, judgement, ENVIRONMENT.slug, baseline)


def session(
    *checks: Check,
    day: int = 22,
    tests: Sequence[TestResult] | None = None,
    environment: Environment | None = ENVIRONMENT,
    interrupted: bool = False,
    orphans: Sequence[CheckKey] = (),
) -> Session:
    if tests is None:
        tests = [TestResult(test, "passed", 1.0) for test in sorted({check.key.test for check in checks})]
    return Session(
        stamp(day), environment, checks, tuple(tests), 12.5, 3, interrupted=interrupted, orphans=tuple(orphans)
    )
