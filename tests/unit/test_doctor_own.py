"""An A/A trial of somebody's own tests: what it tells of each check, in values, findings and words."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import replace
from pathlib import Path
from statistics import stdev

import pytest

from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.core.reasons import Beside, PairsSoFar
from pytest_modelbench.core.session import Check, Outcome, Session, TestResult
from pytest_modelbench.core.settings import Settings
from pytest_modelbench.core.verdicts import Judgement, Verdict
from pytest_modelbench.doctor import measuring
from pytest_modelbench.doctor.examination import examine_own
from pytest_modelbench.doctor.findings import Severity
from pytest_modelbench.doctor.measuring import Asked, command, measure
from pytest_modelbench.doctor.own import own_trial
from pytest_modelbench.doctor.own_render import own_to_json, render_own
from pytest_modelbench.judge.estimate import paired
from tests.unit.report_sessions import EMPTY, ENVIRONMENT, check
from tests.unit.test_doctor_render import QUIET
from tests.unit.test_report_golden import assert_golden

LOOKS = Settings().pairs


def beside_itself(case: str, spread: float, pairs: int = 8, verdict: Verdict = Verdict.OK, disturbed: int = 0) -> Check:
    """A latency whose pairs differ by plus and minus ``spread``, in turn."""
    changes = [spread * (-1) ** number for number in range(pairs)]
    one = check(case, "latency", verdict, 0.1, 0.1)
    if pairs < 2:
        return replace(one, judgement=Judgement(verdict, 0.1, 0.1, pairs=pairs))
    change = paired(changes)
    low, high = math.exp(change.lower(0.025)), math.exp(change.upper(0.025))
    told = Beside("python", pairs, disturbed) if pairs % 2 else PairsSoFar("python", pairs, 20, disturbed)
    return replace(one, judgement=Judgement(verdict, 0.1, 0.1, math.exp(change.theta), low, high, (told,), pairs=pairs))


def session(*checks: Check, tests: tuple[TestResult, ...] = ()) -> Session:
    return replace(EMPTY, environments=(ENVIRONMENT,), checks=checks, tests=tests, duration_s=176.0)


def test_the_spread_of_pairs_is_what_their_interval_was_made_of() -> None:
    (one,) = own_trial(session(beside_itself("net", 0.01)), LOOKS, draws=20).checks
    assert one.spread == pytest.approx(stdev([0.01, -0.01] * 4))
    assert (one.pairs, one.band, one.disturbed) == (8, pytest.approx(0.05), 0)


def test_a_quiet_check_is_ok_and_a_noisy_one_is_left_open_and_finds_less() -> None:
    quiet, noisy = own_trial(session(beside_itself("a", 0.005), beside_itself("b", 0.12)), LOOKS, draws=100).checks
    assert quiet.drawn is not None
    assert noisy.drawn is not None
    assert (quiet.drawn.ok, quiet.drawn.alarms, quiet.drawn.trusted_band) == (1.0, 0.0, pytest.approx(0.05))
    assert noisy.drawn.ok < 0.5
    assert noisy.drawn.alarms <= 0.05
    assert noisy.drawn.trusted_band is not None
    assert noisy.drawn.trusted_band > 0.05
    assert quiet.found_ratio is not None
    assert noisy.found_ratio is not None
    assert 1.025 < quiet.found_ratio < 1.04 < 1.1 < noisy.found_ratio


@pytest.mark.parametrize("pairs", [0, 1, 2, 3])
def test_too_few_pairs_tell_nothing_and_are_told(pairs: int) -> None:
    report = examine_own(QUIET, session(beside_itself("net", 0.01, pairs)), Settings())
    (one,) = report.trial.checks
    assert (one.found_ratio, one.drawn, one.spread is None) == (None, None, pairs < 2)
    assert "1 check got through fewer than 4 pairs" in render_own(report, 200)
    assert report.sound


MIXED = session(
    beside_itself("resnet18-b1-224-fp32", 0.005),
    beside_itself("vit_tiny_patch16_224-b1-224-fp32", 0.12, disturbed=3),
    beside_itself("mobilenetv3_small_100-b1-224-fp32", 0.01, 9, Verdict.REGRESSED, disturbed=1),
    beside_itself("resnet50|模型-b1-224-fp32", 0.9),
    check("resnet18-b1-224-fp32", "macs", Verdict.OK, 5, 5),
    check("draw", "macs", Verdict.REGRESSED, 5, 6, test="test_it.py::test_draw"),
    tests=(
        TestResult("test_it.py::test_draw", Outcome.FAILED, 1.0, "macs regressed", by_verdict=True),
        TestResult("test_it.py::test_a", Outcome.FAILED, 1.0, "assert 1 == 2\nmore"),
        TestResult("test_it.py::test_b", Outcome.FAILED, 1.0, "assert 1 == 2"),
        TestResult("test_it.py::test_c", Outcome.SKIPPED, 0.0, "needs a GPU"),
        TestResult("test_it.py::test_d", Outcome.FAILED, 1.0, "cannot be compared with it", by_verdict=True),
    ),
)


@pytest.mark.parametrize("width", [80, 120])
def test_the_report(width: int) -> None:
    report = examine_own(QUIET, MIXED, Settings(), draws=60)
    assert not report.sound
    assert_golden(f"doctor-own-{width}.txt", render_own(report, width) + "\n")


def test_tests_that_are_fine_are_told_to_be() -> None:
    macs = check("net", "macs", Verdict.OK, 5, 5)
    report = examine_own(QUIET, session(beside_itself("net", 0.005), macs), Settings(), draws=20)
    assert report.sound
    assert [one.what for one in report.findings if one.id in ("noise", "exact")] == [
        "unchanged code is called ok in 95% of sessions or more (1 check)",
        "1 check does not vary, in two processes",
    ]
    none = examine_own(QUIET, session(macs), Settings(), draws=20)
    assert "none of their checks varies" in render_own(none, 80)
    assert {one.severity for one in none.findings} == {Severity.FINE}


def test_plain_values_are_json() -> None:
    told = json.loads(json.dumps(own_to_json(examine_own(QUIET, MIXED, Settings(), draws=60))))
    assert told["own"]["checks"][0]["verdict"] == "ok"
    assert told["own"]["vary"] == ["test_it.py::test_draw macs"]
    assert told["schema"] == 1


ASKED = Asked(("tests/test_it.py::test_a",), ("--modelbench-device=cpu",), 20, 59.6)


def test_the_session_has_the_same_code_on_both_sides_and_a_bound() -> None:
    words = command(ASKED, Path("results.json"))
    assert words[:3] == [sys.executable, "-m", "pytest"]
    assert f"--modelbench-against-python={sys.executable}" in words
    assert {"--modelbench-pairs=20", "--modelbench-budget=60s", "--modelbench-suite=all"} <= set(words)
    assert words[-1] == "tests/test_it.py::test_a"
    assert "--modelbench-suite=all" not in command(replace(ASKED, tests=("tests", "a.py::b")), Path("results.json"))


def test_a_path_that_is_not_there_is_an_error_before_anything_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring.subprocess, "Popen", None)
    with pytest.raises(UsageError, match="there is no no/such"):
        measure(replace(ASKED, tests=("no/such.py::test_a",)), Path("results.json"))


@pytest.mark.parametrize(
    ("script", "told"),
    [
        (
            "print('x\\nERROR: --modelbench: no benchmark test was selected')",
            "--modelbench: no benchmark test was selected",
        ),
        ("print('E   ImportError: no\\nmore')", "the tests could not be measured:\nImportError: no"),
        ("print('a\\nb')", "the tests could not be measured:\na\nb"),
        ("", "the tests could not be measured:\n"),
    ],
)
def test_a_session_that_leaves_nothing_is_quoted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str, told: str
) -> None:
    monkeypatch.setattr(measuring, "command", lambda asked, results: [sys.executable, "-c", script])
    with pytest.raises(UsageError) as caught:
        measure(replace(ASKED, tests=(str(tmp_path),)), tmp_path / "results.json")
    assert str(caught.value) == told
