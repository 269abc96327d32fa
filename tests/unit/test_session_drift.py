"""What a session is told of its history: steps and creeping of its own checks, with the commands that follow."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_modelbench.core.metrics import METRICS
from pytest_modelbench.core.session import Check, Session, Stamp
from pytest_modelbench.core.verdicts import Verdict
from pytest_modelbench.session.commands import Commands
from pytest_modelbench.session.drift import Drift, drift_of
from pytest_modelbench.store.history import keep
from pytest_modelbench.store.locations import location_of
from tests.unit.report_sessions import EMPTY, ENVIRONMENT, check


def checked(case: str, value: float, baseline: float, accepted: str = "2026-10-01") -> Check:
    one = check(case, METRICS["peak_live_memory"], Verdict.OK, value, baseline)
    return replace(one, environment=ENVIRONMENT.slug, baseline=replace(one.baseline, accepted=accepted))


def session(day: int, *checks: Check) -> Session:
    stamp = Stamp(f"2026-11-{day:02}T08:00:00.000Z", f"{day:02}" * 20)
    return replace(EMPTY, stamp=stamp, environments=(ENVIRONMENT,), checks=checks)


def drift(folder: Path, *sessions: Session) -> Drift:
    for one in sessions:
        keep(folder, one)
    return drift_of(sessions[-1], folder, folder, Commands())


def test_a_step_of_its_own_is_told_and_one_of_a_check_that_was_not_measured_is_not(tmp_path):
    before = session(1, checked("a", 1000, 1000), checked("b", 1000, 1000))
    told = drift(tmp_path, before, session(2, checked("b", 1005, 1000)), session(3, checked("a", 1005, 1000)))
    assert told.fails
    assert told.lines[0] == "DRIFT: 1 check changed for the worse within the last 10 nights:"
    assert told.lines[2] == "        a peak_live_memory +0.5% (portable)"
    assert told.lines[-1].startswith("    pytest --modelbench --update-baselines ")


def test_creeping_is_told_while_its_acceptance_is_news(tmp_path):
    steps = [session(day, checked("a", 1000 + 8 * (day > 2), 1000 + 8 * (day > 2), f"2026-10-0{1 + (day > 2)}"))
             for day in range(1, 5)]  # fmt: skip
    now = session(5, checked("a", 1015, 1008, "2026-10-02"))
    told = drift(tmp_path, *steps, now)
    crept = [line for line in told.lines if "since the baseline of" in line]
    assert crept == ["    a peak_live_memory +1.5% since the baseline of 2026-10-01, 1 acceptance ago; its band is 1% "
                     "(portable)"]  # fmt: skip
    assert "DRIFT: 1 check crept beyond the band, from baseline to baseline:" in told.lines
    later = [session(day, checked("a", 1015, 1008, "2026-10-02")) for day in range(6, 20)]
    assert drift(tmp_path, *later) == Drift()


def test_what_is_damaged_is_counted_and_hides_nothing(tmp_path):
    (tmp_path / "half.night.json").write_text('{"format": "pytest-mod')
    told = drift(tmp_path, session(1, checked("a", 1000, 1000)), session(2, checked("a", 1005, 1000)))
    assert told.lines[0] == "drift: 1 file of the history left out: pytest-modelbench history"
    assert told.fails


def test_a_history_that_is_not_there_fails(tmp_path):
    told = drift_of(session(1), tmp_path / "none", tmp_path, Commands())
    assert told.fails
    assert told.lines[0].startswith("DRIFT NOT LOOKED AT: ")


@pytest.mark.usefixtures("plain_git")
def test_a_history_in_a_branch_is_looked_at_and_one_that_nothing_reaches_fails(tmp_path):
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    both = [session(day, checked("a", value, 1000)) for day, value in ((1, 1000), (2, 1005))]
    for one in both:
        keep(location_of("git:nights", tmp_path), one)
    found = drift_of(both[-1], "git:nights", tmp_path, Commands())
    assert found.fails
    assert found == drift(tmp_path / "folder", *both)
    (told,) = drift_of(both[-1], "wat://x", tmp_path, Commands()).lines
    assert told.startswith("DRIFT NOT LOOKED AT: wat://x: cannot be reached")


def test_where_no_baseline_is_there_is_none_to_take_out(tmp_path):
    bare = [session(day, replace(checked("a", value, 1000), baseline=None)) for day, value in ((1, 1000), (2, 1005))]
    told = drift(tmp_path, *bare)
    assert told.fails
    assert not any("prune" in line for line in told.lines)
