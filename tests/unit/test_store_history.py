"""A history: nothing is ever changed, copies merge by union, what cannot be read is named, and series come in order."""

from __future__ import annotations

import gc
import json
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modelbench.cli import main
from pytest_modelbench.core.case import NamedCase
from pytest_modelbench.core.errors import BaselineError
from pytest_modelbench.core.measurement import CheckKey
from pytest_modelbench.core.metrics import METRICS
from pytest_modelbench.core.session import Session, Stamp
from pytest_modelbench.core.verdicts import Verdict
from pytest_modelbench.report.history import sparkline
from pytest_modelbench.store.folding import fold
from pytest_modelbench.store.history import keep, keepable, read_history
from pytest_modelbench.store.locations.folder import Folder
from pytest_modelbench.vcs.git import changed
from tests.unit.report_sessions import EMPTY, ENVIRONMENT, FOLDER, SESSION, check


def session(day: int, value: float = 0.1, verdict: Verdict = Verdict.OK, **changes: object) -> Session:
    one = replace(check("net", METRICS["latency"], verdict, value, 0.1), environment=ENVIRONMENT.slug, folder=FOLDER)
    stamp = Stamp(f"2026-11-{day:02}T08:00:00.000Z", f"{day:040x}")
    return replace(EMPTY, stamp=stamp, environments=(ENVIRONMENT,), checks=(one,), **changes)


def test_sessions_come_back_in_the_order_of_time_whichever_was_kept_first(tmp_path):
    for day in (3, 1, 2):
        (name,) = keep(tmp_path / "history", session(day, value=day / 10))
        assert name.startswith(f"2026-11-{day:02}T08-00-00.000Z_{FOLDER}_0000000000_")
    kept = read_history(tmp_path / "history")
    (series,) = kept.series
    assert (series.folder, series.name, series.case, series.unit) == (FOLDER, "latency", "net", "s")
    assert [one.value for one in series.nights] == [0.1, 0.2, 0.3]
    assert (kept.sessions, kept.damaged) == (3, ())
    last = series.last
    assert (last.environment, last.facts["device"]) == (ENVIRONMENT.slug, "cpu")
    assert (last.commit, last.verdict, last.allowed) == (f"{3:040x}", Verdict.OK, pytest.approx(0.05))
    assert last.spread > 0
    assert last.low < last.ratio < last.high


def test_a_whole_session_is_kept_but_what_it_compared_with_other_code(tmp_path):
    keep(tmp_path, replace(SESSION, checks=tuple(replace(one, environment=ENVIRONMENT.slug) for one in SESSION.checks)))
    assert {(one.test, one.name) for one in read_history(tmp_path).series} == {tuple(one.key) for one in SESSION.checks}
    shutil.rmtree(tmp_path)
    keep(tmp_path, session(1, against="main"))
    assert (read_history(tmp_path).series, read_history(tmp_path).sessions) == ((), 1)
    assert keep(tmp_path, EMPTY) == []


def test_copies_are_one_by_putting_their_files_together(tmp_path):
    keep(tmp_path / "a", session(1))
    keep(tmp_path / "b", session(1))
    keep(tmp_path / "b", session(2))
    keep(tmp_path / "b", session(2))
    assert len(list((tmp_path / "b").iterdir())) == 2
    assert read_history(tmp_path).sessions == 2
    assert read_history(tmp_path).damaged == ()


def test_many_write_at_once(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda day: keep(tmp_path, session(day)), range(1, 29)))
    assert read_history(tmp_path).sessions == 28


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda text: text[:100], "is cut off|is not JSON"),
        (lambda text: "", "is empty"),
        (lambda text: text.replace('"schema": 1', '"schema": 2'), "is newer than 1"),
        (lambda text: text.replace('"verdict":["ok"', '"verdict":["superb"'), "verdict"),
        (lambda text: text.replace('"value":[0.1', '"value":[NaN'), "value"),
        (lambda text: text.replace('"value":[0.1', '"value":[0.2'), "was changed since it was written"),
    ],
)
def test_what_is_damaged_is_named_and_left_out(tmp_path, damage, told, capsys):
    (good,) = keep(tmp_path, session(1))
    other = tmp_path / "copy" / keep(tmp_path / "copy", session(2))[0]
    other.write_text(damage(other.read_text()))
    kept = read_history(tmp_path)
    assert kept.sessions == 1
    (why,) = kept.damaged
    assert str(tmp_path) in why
    assert any(word in why for word in told.split("|"))
    assert main(["history", "--history", str(tmp_path)]) == 1
    assert f"left out: {why}" in capsys.readouterr().out
    assert (tmp_path / good).exists()


def test_two_files_that_tell_otherwise_of_one_session_are_told(tmp_path):
    keep(tmp_path / "a", session(1, 0.1))
    other = tmp_path / "b" / keep(tmp_path / "b", session(1, 0.2))[0]
    kept = read_history(tmp_path)
    assert kept.sessions == 1
    assert kept.damaged == (
        f"{other}: another file tells otherwise of the session {session(1).stamp.id}; remove one of them",
    )


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda columns: columns["value"].append(1.0), "2 of value do not go with 1 checks"),
        (lambda columns: [column.append(column[0]) for column in columns.values()], "2 of folder do not go with 1"),
        (lambda columns: columns.pop("spread"), "columns > spread: is missing"),
        (lambda columns: columns.update(extra=[1]), "columns > extra: is not a field that belongs here"),
    ],
)
def test_columns_that_do_not_go_together_are_refused(tmp_path, change, told):
    (name,) = keep(tmp_path, session(1))
    content = json.loads((tmp_path / name).read_text())
    change(content["columns"])
    (tmp_path / name).write_text(json.dumps(content))
    assert told in read_history(tmp_path).damaged[0]


def test_a_check_that_stands_twice_is_refused(tmp_path):
    (name,) = keep(tmp_path, session(1))
    content = json.loads((tmp_path / name).read_text())
    content["checks"] *= 2
    content["columns"] = {key: column * 2 for key, column in content["columns"].items()}
    (tmp_path / name).write_text(json.dumps(content))
    assert "a check stands there twice" in read_history(tmp_path).damaged[0]


def test_a_session_that_no_file_can_hold_is_an_error_and_nothing_is_written(tmp_path):
    one = session(1)
    odd = replace(one.checks[0], key=CheckKey("t\udcff.py::t", "latency"))
    with pytest.raises(BaselineError, match="the session cannot be kept: checks > 0 > 0: "):
        keep(tmp_path / "nights", replace(one, checks=(odd,)))
    assert not (tmp_path / "nights").exists()


def test_figures_in_another_unit_are_of_another_thing_and_the_newest_holds(tmp_path):
    for day in (1, 2, 3):
        one = session(day, day / 10)
        metric = replace(one.checks[0].metric, unit="s" if day > 1 else "points")
        keep(tmp_path, replace(one, checks=(replace(one.checks[0], metric=metric),)))
    (series,) = read_history(tmp_path).series
    assert (series.unit, [one.value for one in series.nights]) == ("s", [0.2, 0.3])


@pytest.mark.usefixtures("plain_git")
def test_a_history_in_the_working_tree_is_no_change_of_the_code(tmp_path):
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    keep(tmp_path / "nights", session(1))
    assert not changed(tmp_path)
    (tmp_path / "nights" / "other.json").write_text('{"a": 1}')
    assert changed(tmp_path)


def test_reading_leaves_the_collector_as_it_was(tmp_path):
    keep(tmp_path, session(1))
    read_history(tmp_path)
    assert gc.isenabled()
    with pytest.raises(BaselineError):
        read_history(tmp_path / "none")
    assert gc.isenabled()


def test_no_folder_is_told_with_how_it_comes_to_be(tmp_path):
    with pytest.raises(BaselineError, match="sessions make it: pytest --modelbench-history"):
        read_history(tmp_path / "none")


def test_nights_that_fail_are_counted_from_the_last(tmp_path):
    verdicts = [Verdict.REGRESSED, Verdict.OK, Verdict.REGRESSED, Verdict.INCONCLUSIVE]
    for day, verdict in enumerate(verdicts, 22):
        keep(tmp_path, session(day, 0.104, verdict))
    (series,) = read_history(tmp_path).series
    assert series.bad_nights == 2
    assert series.band_used == pytest.approx(0.8, rel=0.05)
    assert series.age_days() == 5  # accepted on the 20th
    assert replace(series, nights=series.nights[:2]).bad_nights == 0


def test_the_command_shows_a_line_each_and_of_one_its_nights(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    for day in (1, 2, 3):
        one = session(day, day / 10, Verdict.REGRESSED if day > 1 else Verdict.OK)
        more = replace(
            check("other", METRICS["macs"], Verdict.OK, 7, 7), environment=ENVIRONMENT.slug, folder="portable"
        )
        keep(tmp_path, replace(one, checks=(*one.checks, more)))
    assert main(["history", "--history", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert "▁▅█" in shown
    assert "regressed, for 2 nights" in shown
    assert shown.endswith("3 sessions, 2 checks\n")
    assert main(["history", "--history", str(tmp_path), "net", "LATENCY"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"net latency, {FOLDER}: tests/benchmarks/test_inference.py::test_inference[net]\n▁▅█\n")
    assert "2026-11-02 08:00  0000000000" in shown
    assert main(["history", "--history", str(tmp_path), "--environment=portable", "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)["series"]
    assert (told["name"], len(told["nights"])) == ("macs", 3)
    assert main(["history", "--history", str(tmp_path), "nothing"]) == 0
    assert "no check of the history has all of these words" in capsys.readouterr().out


def test_without_a_folder_it_is_said_how_to_name_one(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["history"]) == 4
    assert "Name where it is kept with --history DIR, or in pyproject.toml" in capsys.readouterr().err


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=40))
def test_a_sparkline_has_a_bar_for_each_value_the_lowest_and_the_highest_at_the_ends(values):
    drawn = sparkline(values)
    assert len(drawn) == len(values)
    assert drawn[values.index(min(values))] == "▁"
    assert drawn[values.index(max(values))] == ("█" if max(values) > min(values) else "▁")


class Folding(Folder):
    """A folder whose files somebody folds after they were listed, once."""

    done = False

    def names(self):
        listed = super().names()
        if not Folding.done:
            Folding.done = True
            fold(Folder(self.path), "2027")
        return listed


def test_a_reader_beside_one_who_folds_loses_no_night(tmp_path):
    for day in (1, 2):
        keep(tmp_path, session(day))
    kept = read_history(Folding(tmp_path))
    assert (kept.sessions, kept.damaged) == (2, ())


def test_one_check_that_no_file_can_hold_costs_no_other_its_record(tmp_path):
    one = session(1)
    blank = replace(one.checks[0], case=NamedCase(" "))
    odd = replace(one.checks[0], key=CheckKey("t\udcff.py::t", "latency"))
    kept, left = keepable(replace(one, checks=(blank, odd, *one.checks)))
    assert kept.checks == one.checks
    assert [told.partition(": ")[0] for told in left] == [
        f"{str(blank.key.test)!r} 'latency'",
        "'t\\udcff.py::t' 'latency'",
    ]
    assert len(keep(tmp_path, kept)) == 1
    assert keepable(one) == (one, ())


def test_a_sparkline_shows_the_largest_and_the_smallest_steps():
    assert sparkline([-1e308, 0.0, 1e308]) == "▁▅█"
    assert sparkline([0.0, 5e-324]) == "▁█"


@pytest.mark.parametrize("started", ["2026-11-25", "2026-11-25T08:00:00", "2026-11-25T08:00:00.123Z"])
def test_the_age_of_a_baseline_is_told_whether_or_not_a_zone_is(tmp_path, started):
    keep(tmp_path, session(25, 0.104, Verdict.OK))
    (series,) = read_history(tmp_path).series
    assert replace(series, nights=(replace(series.last, started=started),)).age_days() == 5
    assert replace(series, nights=(replace(series.last, started="at noon"),)).age_days() is None
