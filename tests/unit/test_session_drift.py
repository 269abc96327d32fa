"""What a session is told of its history: steps and creeping of its own checks, with the commands that follow."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_modelbench.core.errors import BaselineError
from pytest_modelbench.core.metrics import METRICS
from pytest_modelbench.core.session import Check, Session, Stamp
from pytest_modelbench.core.verdicts import Verdict
from pytest_modelbench.session.commands import Commands
from pytest_modelbench.session.drift import Drift, drift_of
from pytest_modelbench.store.history import keep, read_history
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
    return drift_of(sessions[-1], read_history(folder, sessions[-1]), Commands())


def test_a_step_of_its_own_is_told_and_one_of_a_check_that_was_not_measured_is_not(tmp_path):
    before = session(1, checked("a", 1000, 1000), checked("b", 1000, 1000))
    told = drift(tmp_path, before, session(2, checked("b", 1005, 1000)), session(3, checked("a", 1005, 1000)))
    assert told.fails
    assert told.lines[0] == "DRIFT: 1 check got worse within the last 10 nights:"
    assert told.lines[2] == "        a peak_live_memory +0.5% (portable)"
    assert told.lines[-1].startswith("    pytest --modelbench --update-baselines ")


def test_of_many_steps_three_have_their_commands_and_the_rest_is_counted(tmp_path):
    names = "abcde"
    before = session(1, *(checked(name, 1000, 1000) for name in names))
    told = drift(tmp_path, before, session(2, *(checked(name, 1005, 1000) for name in names)))
    assert told.lines[0] == "DRIFT: 5 checks got worse within the last 10 nights:"
    assert sum(line.startswith("    pytest-modelbench prune ") for line in told.lines) == 3
    assert told.lines[-1] == "    and so for 2 checks more"


def test_creeping_is_told_while_its_acceptance_is_news(tmp_path):
    steps = [session(day, checked("a", 1000 + 8 * (day > 2), 1000 + 8 * (day > 2), f"2026-10-0{1 + (day > 2)}"))
             for day in range(1, 5)]  # fmt: skip
    now = session(5, checked("a", 1015, 1008, "2026-10-02"))
    told = drift(tmp_path, *steps, now)
    crept = [line for line in told.lines if "since the baseline of" in line]
    assert crept == ["    a peak_live_memory +1.5% since the baseline of 2026-10-01, 1 acceptance ago; its band is 1% "
                     "(portable)"]  # fmt: skip
    assert "DRIFT: 1 check crept beyond the band over several baselines:" in told.lines
    later = [session(day, checked("a", 1015, 1008, "2026-10-02")) for day in range(6, 20)]
    assert drift(tmp_path, *later) == Drift()


def test_what_is_damaged_is_counted_and_hides_nothing(tmp_path):
    (tmp_path / "half.night.json").write_text('{"format": "pytest-mod')
    told = drift(tmp_path, session(1, checked("a", 1000, 1000)), session(2, checked("a", 1005, 1000)))
    assert told.lines[0] == "drift: 1 file of the history left out; pytest-modelbench history tells why"
    assert told.fails


def test_a_history_that_is_not_there_fails_and_so_does_any_fault(tmp_path):
    told = drift_of(session(1), BaselineError("nights: there is no such folder"), Commands())
    assert told == Drift(("DRIFT NOT LOOKED AT: nights: there is no such folder",), fails=True)
    told = drift_of(session(1), OverflowError("math range\nerror"), Commands())
    assert told == Drift(("DRIFT NOT LOOKED AT: OverflowError: math range error",), fails=True)


def test_a_file_that_nobody_could_read_fails_beside_others_that_show_nothing(tmp_path):
    (tmp_path / "away.night.json").symlink_to("nowhere")
    told = drift(tmp_path, session(1, checked("a", 1000, 1000)), session(2, checked("a", 1000, 1000)))
    assert told.fails
    (line,) = told.lines
    assert line.startswith("DRIFT NOT LOOKED AT in full: 1 file of the history cannot be read: ")
    assert "away.night.json: cannot be read: " in line


def test_a_first_night_is_told_and_passes_unless_something_was_left_out_or_nothing_is_there(tmp_path):
    one = session(1, checked("a", 1000, 1000))
    alone = "drift: the history has only this session, so there is nothing to compare with"
    assert drift(tmp_path / "first", one) == Drift((alone,))
    (tmp_path / "first" / "half.night.json").write_text("{")
    told = drift(tmp_path / "first", one)
    assert told.fails
    assert told.lines[-1] == "DRIFT NOT LOOKED AT: nothing of the history can be used except this session"
    (tmp_path / "empty").mkdir()
    told = drift_of(one, read_history(tmp_path / "empty", one), Commands())
    assert told == Drift(("DRIFT NOT LOOKED AT: the history holds nothing, not even this session",), fails=True)


def test_a_session_that_could_not_be_kept_is_looked_at_all_the_same(tmp_path):
    keep(tmp_path, session(1, checked("a", 1000, 1000)))
    now = session(2, checked("a", 1005, 1000))
    told = drift_of(now, read_history(tmp_path, now), Commands())
    assert told.fails
    assert "        a peak_live_memory +0.5% (portable)" in told.lines


def test_a_clock_that_is_ahead_governs_nothing(tmp_path):
    ahead, now = session(20, checked("a", 1000, 1000)), session(3, checked("a", 1005, 1000))
    told = drift(tmp_path, session(1, checked("a", 1000, 1000)), ahead, now)
    assert told.fails
    assert told.lines[:2] == (
        "drift: 1 file of the history left out; pytest-modelbench history tells why",
        "DRIFT: 1 check got worse within the last 10 nights:",
    )
    assert (
        "is of 2026-11-20T08:00:00.000Z, which is to come: a clock is wrong" in read_history(tmp_path, now).damaged[0]
    )
    beside = replace(session(3, checked("a", 1000, 1000)), stamp=Stamp("2026-11-03T09:00:00.000Z", "cd" * 20))
    assert drift(tmp_path, beside, now) == told


@pytest.mark.usefixtures("plain_git")
def test_a_history_in_a_branch_is_looked_at(tmp_path):
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    both = [session(day, checked("a", value, 1000)) for day, value in ((1, 1000), (2, 1005))]
    for one in both:
        keep(location_of("git:nights", tmp_path), one)
    found = drift_of(both[-1], read_history(location_of("git:nights", tmp_path), both[-1]), Commands())
    assert found.fails
    assert found == drift(tmp_path / "folder", *both)


def test_where_no_baseline_is_there_is_none_to_take_out(tmp_path):
    bare = [session(day, replace(checked("a", value, 1000), baseline=None)) for day, value in ((1, 1000), (2, 1005))]
    told = drift(tmp_path, *bare)
    assert told.fails
    assert not any("prune" in line for line in told.lines)
