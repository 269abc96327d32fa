"""Which gone test a new one may be, and how it would then stand."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_modelbench.core.measurement import CheckKey
from pytest_modelbench.core.session import Absence, Absent, Check
from pytest_modelbench.core.settings import Settings
from pytest_modelbench.core.verdicts import Verdict
from pytest_modelbench.session.commands import Commands
from pytest_modelbench.session.deciding import Decider, Rule
from pytest_modelbench.session.gate import Gate, Policy
from pytest_modelbench.session.renaming import Renames
from pytest_modelbench.store.baselines import BaselineStore
from tests.unit.store_checks import ENVIRONMENT, latency, macs, stamp


class Nothing:
    """Nothing is known of what changed around a test."""

    def used(self, check: Check, provenance: object) -> set[str]:
        return set()

    def since(self, test: str, regressed: object) -> str:
        return ""


OLD, NEW = "test_a.py::test_old", "test_a.py::test_new"


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    """The old test has MACs and a latency, another one that is measured as well has MACs."""
    store = BaselineStore(tmp_path)
    timed = latency([0.1, 0.1, 0.1], [3.0, 3.01, 3.0], test=OLD)
    store.accept([macs(1000, test=OLD), timed, macs(5, test="test_a.py::test_it", case="it")], stamp(1), ENVIRONMENT)
    return Gate(BaselineStore(tmp_path), ENVIRONMENT, Policy(Settings(), (2, 4)))


def renames(*why: tuple[str, Absence]) -> Renames:
    found = Renames()
    absent = [Absent(CheckKey(test, name), one) for test, one in why for name in ("latency", "macs")]
    found.absent_of = lambda keys: [one for one in absent if one.key in set(keys)]
    return found


def verdicts(gate: Gate, found: Renames, *checks: Check) -> dict[str, Verdict]:
    return {
        f"{one.old} -> {one.new} {check.key.name}": check.judgement.verdict
        for one in found.of([(check, gate) for check in checks], [gate])
        for check in one.checks
    }


def test_what_is_measured_anew_is_judged_by_what_is_gone(gate: Gate) -> None:
    found = verdicts(
        gate,
        renames((OLD, Absence.GONE)),
        macs(1100, test=NEW),
        latency([0.1] * 3, [3.0, 3.01, 3.0], test=NEW),
    )
    assert found == {f"{OLD} -> {NEW} macs": Verdict.REGRESSED, f"{OLD} -> {NEW} latency": Verdict.OK}


@pytest.mark.parametrize("why", [Absence.NOT_COLLECTED, Absence.DROPPED, Absence.NO_BENCHMARK])
def test_a_test_that_is_there_was_not_renamed(gate: Gate, why: Absence) -> None:
    assert verdicts(gate, renames((OLD, why)), macs(1000, test=NEW)) == {}


def test_nothing_is_told_of_tests_that_have_baselines_or_are_not_gone(gate: Gate) -> None:
    assert verdicts(gate, renames((OLD, Absence.GONE)), macs(1000, Verdict.OK, test=NEW)) == {}
    assert verdicts(gate, renames((OLD, Absence.GONE)), macs(1000, test="test_a.py::test_it")) == {}
    assert verdicts(gate, renames(), macs(1000, test=NEW)) == {}


def test_the_test_s_own_message_says_it_and_the_gate_stays_closed(gate: Gate) -> None:
    decider = Decider(Settings(), Commands(), Rule("s"), Nothing(), renames((OLD, Absence.GONE)))
    decision = decider.by_checks(NEW, [(macs(1100, test="test_b.py::test_old"), gate)], [gate])
    assert decision.outcome.value == "failed"
    assert decision.message.splitlines() == [
        "resnet50-b1: no baseline for macs in portable, though it holds 2 other checks; was the test renamed?",
        "  now       1,100",
        f"  with the baseline of {OLD}, which is gone: macs would be regressed: 1,000 -> 1,100 (+100), no change is "
        "tolerated",
        f"  if it was renamed:  pytest-modelbench rename {OLD} test_b.py::test_old",
        "  if it is new:       pytest --modelbench --update-baselines test_b.py::test_old",
    ]
