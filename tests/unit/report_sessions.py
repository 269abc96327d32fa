"""Sessions for the tests of the report layer: small, with every verdict, and with text that breaks careless layouts."""

from __future__ import annotations

import math
from dataclasses import replace
from statistics import fmean
from typing import Any

from pytest_modelbench.core.bands import Band
from pytest_modelbench.core.case import NamedCase
from pytest_modelbench.core.environment import Environment
from pytest_modelbench.core.measurement import CheckKey, Comparability, Measurement, RelativeTime
from pytest_modelbench.core.metrics import METRICS, Better, Metric, Scope
from pytest_modelbench.core.reasons import MachineMoved, OtherKey, Reason, SameCode
from pytest_modelbench.core.session import Absence, Absent, Check, Outcome, Renamed, Session, Stamp, TestResult
from pytest_modelbench.core.verdicts import BaselineView, Judgement, Verdict

FOLDER = "cpu-amd-epyc-f26m2-2c-t1"
REFERENCE, REFERENCE_S = "conv3x3-64x112x112-fp32-v1", 0.0005
ACCEPTED = "2026-11-20, commit abc1234"

ENVIRONMENT = Environment(
    kind="cpu",
    name="AMD EPYC, 2 cores, 1 thread",
    slug=FOLDER,
    identity={"device": "cpu", "threads": 1},
    provenance={"torch": "2.15.0", "timm": "1.0.31", "python": "3.11.9"},
)


def check(
    case: str,
    metric: Metric | str,
    verdict: Verdict,
    value: float,
    baseline: float | None = None,
    *,
    half_width: float = 0.011,
    values: tuple[float, ...] = (),
    test: str = "",
    name: str = "",
    reasons: tuple[Reason, ...] = (),
    reference: str = "",
    ratio: float | None = None,
    unit_then: str = "",
) -> Check:
    """A judged check; a noisy one of three processes, its interval ``half_width`` either way."""
    metric = METRICS[metric] if isinstance(metric, str) else metric
    test = test or f"tests/benchmarks/test_inference.py::test_inference[{case}]"
    name = name or metric.name
    values = values or ((value * 0.99, value, value * 1.02) if metric.noisy else (value,))
    named, made = NamedCase(case), Comparability(reference=reference)
    measurements = tuple(
        Measurement(
            name, metric, named, one, _timing(metric, one, reference) if metric.noisy else None,
            (one, one * 1.01) if metric.noisy else (), made, test=test, process=process,
        )
        for process, one in enumerate(values)
    )  # fmt: skip
    spread: dict[str, Any] = {}
    view = None
    if baseline is not None:
        if baseline and verdict is not Verdict.INCOMPARABLE:
            ratio = value / baseline if ratio is None else ratio
            wide = half_width if metric.noisy else 0.0
            spread = {"ratio": ratio, "low_ratio": ratio - wide, "high_ratio": ratio + wide}
        unit = unit_then or metric.unit
        reference_log_s = None
        if reference and ratio:
            # What the change leaves out is the machine's doing: a rate falls where the reference takes longer.
            slowdown = math.log(value / baseline / ratio) * (-1 if _is_rate(metric) else 1)
            reference_log_s = fmean(math.log(_reference_s(one)) for one in measurements) - slowdown
        view = BaselineView(
            case, unit, metric.better, baseline, made, accepted=ACCEPTED, provenance={"torch": "2.14.0"},
            reference_log_s=reference_log_s,
        )  # fmt: skip
    if verdict is Verdict.INCONCLUSIVE:
        spread |= {"more": 4, "detectable_ratio": 1.079}
    judgement = Judgement(verdict, value, baseline, reasons=reasons, processes=len(values), **spread)
    folder = ENVIRONMENT.folder(metric.scope)
    return Check(CheckKey(test, name), metric, named, measurements, judgement, folder, view, ENVIRONMENT.slug)


def _timing(metric: Metric, value: float, reference: str) -> RelativeTime:
    """Beside a reference workload of half a millisecond a call, or none."""
    rate = _is_rate(metric)
    if not reference:
        return RelativeTime(math.log(value), rate=rate)
    return RelativeTime(math.log(value) + math.log(REFERENCE_S) * (1 if rate else -1), REFERENCE_S, rate=rate)


def _is_rate(metric: Metric) -> bool:
    return metric.better is Better.HIGHER


def _reference_s(measurement: Measurement) -> float:
    assert measurement.timing is not None
    assert measurement.timing.reference_s is not None
    return measurement.timing.reference_s


MAP = Metric("map|50:95", "fraction", Better.HIGHER, Scope.PORTABLE, Band(absolute=0.005, text="0.5pp"))
JOULES = Metric("energy", "J", Better.LOWER, Scope.DEVICE, Band(0.1, text="10%"), noisy=True)

REASON = OtherKey("unit", "Wh", "J")
CHECKS = (
    check("resnet50-b1-224-fp32", "latency", Verdict.OK, 0.1104, 0.110),
    check("resnet50-b1-224-fp32", "parameters", Verdict.REGRESSED, 25_557_033, 25_557_032),
    check("resnet50-b1-224-fp32", "macs", Verdict.OK, 4_089_184_256, 4_089_184_256),
    check("resnet50-b1-224-fp32", "peak_live_memory", Verdict.REGRESSED, 107_225_088, 102_400_000),
    check("vit_base_patch16_224-b32-224-bf16", "latency", Verdict.REGRESSED, 1.351, 1.095, half_width=0.036),
    check("vit_base_patch16_224-b32-224-bf16", "throughput", Verdict.REGRESSED, 23.69, 29.22, half_width=0.036),
    check("mobilenetv3_large_100-b1-224-fp32", "latency", Verdict.IMPROVED, 0.0243, 0.0281),
    check("mobilenetv3_large_100-b1-224-fp32", "top1", Verdict.REGRESSED, 0.85, 0.9),
    check("模型測試-b1-224-fp32", "latency", Verdict.INCONCLUSIVE, 85.3e-6, 83.1e-6, half_width=0.043),
    check("a|b<c>&*d*-b1-224-fp32", MAP, Verdict.OK, 0.861, 0.86),
    check("a|b<c>&*d*-b1-224-fp32", JOULES, Verdict.INCOMPARABLE, 12.5, 0.3, unit_then="Wh", reasons=(REASON,)),
    check("swin_tiny-b1-224-fp32", "latency", Verdict.UNCHANGED, 0.203, 0.2, reasons=(SameCode(),)),
    check("swin_tiny-b1-224-fp32", "train_step", Verdict.UNCHANGED, 0.6, 0.5, reasons=(MachineMoved(SameCode(), 1.2),)),
    check("efficientnet_b0-b64-224-fp32-train", "peak_live_memory", Verdict.NEW, 4_398_046_511),
    check("efficientnet_b0-b64-224-fp32-train", "latency", Verdict.NEW, 0.41),
)

#: What the test of `RENAMED` measures.
NEW = (("latency", 0.11), ("macs", 12), ("throughput", 9.0), ("top1", 0.9))

#: Every verdict; markup, wide characters; everything there can be to say below the table.
SESSION = Session(
    stamp=Stamp("2026-11-25T08:00:00Z", "0123456789abcdef0123456789abcdef01234567"),
    environments=(ENVIRONMENT,),
    checks=CHECKS,
    tests=(
        *(TestResult(test, Outcome.PASSED, 1.5) for test in dict.fromkeys(check.key.test for check in CHECKS)),
        TestResult(
            "tests/benchmarks/test_cuda.py::test_graph[resnet50|b1]", Outcome.SKIPPED, 0.0, "needs a CUDA device"
        ),
        TestResult(
            "tests/benchmarks/test_inference.py::test_inference[swin]", Outcome.FAILED, 3.0, "\nBuildError: <no> swin"
        ),
    ),
    duration_s=222.4,
    processes=9,
    ungated={FOLDER: 1},
    absent=(
        Absent(CheckKey("tests/benchmarks/test_old.py::test_old[resnet34]", "latency"), Absence.GONE),
        Absent(CheckKey("tests/benchmarks/test_old.py::test_old[resnet34]", "macs"), Absence.GONE),
        Absent(CheckKey("tests/benchmarks/test_out.py::test_out", "macs"), Absence.NOT_COLLECTED),
    ),
    warnings=("resnet50-b1-224-fp32: 2 blocks were measured while the hypervisor took 7 % of the time",),
)

#: A test that is gone and one that is new, of which one check would be ok and one would not.
RENAMED = Session(
    stamp=SESSION.stamp,
    environments=SESSION.environments,
    checks=tuple(check("a|b-b1", name, Verdict.NEW, value, test="t.py::test_new[a|b]") for name, value in NEW),
    tests=(),
    duration_s=1.5,
    processes=2,
    absent=tuple(Absent(CheckKey("t.py::test_old[a|b]", name), Absence.GONE) for name, _ in NEW),
    renamed=(
        Renamed(
            "t.py::test_old[a|b]",
            "t.py::test_new[a|b]",
            (("t.py::test_old[a|b]", "t.py::test_new[a|b]"),),
            (
                check("a|b-b1", "latency", Verdict.INCONCLUSIVE, 0.11, 0.1, test="t.py::test_new[a|b]"),
                check("a|b-b1", "macs", Verdict.REGRESSED, 12, 10, test="t.py::test_new[a|b]"),
                check("a|b-b1", "throughput", Verdict.OK, 9.0, 9.1, test="t.py::test_new[a|b]"),
                check("a|b-b1", "top1", Verdict.INCOMPARABLE, 0.9, 0.8, test="t.py::test_new[a|b]", reasons=(REASON,)),
            ),
        ),
    ),
)

EMPTY = Session(SESSION.stamp, (), (), (), 0.4, 0)
FINE = replace(
    SESSION,
    checks=tuple(one for one in CHECKS if one.judgement.verdict is Verdict.OK),
    tests=(),
    ungated={},
    absent=(),
    warnings=(),
)
