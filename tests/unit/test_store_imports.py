"""What becomes part of a history: other histories, results files, pytest-benchmark's and asv's."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_modelbench.cli import main
from pytest_modelbench.core.session import Outcome, TestResult
from pytest_modelbench.core.verdicts import Verdict
from pytest_modelbench.store.folding import fold
from pytest_modelbench.store.history import keep, read_history
from pytest_modelbench.store.imports import import_into
from pytest_modelbench.store.imports.result_lines import _by_lines, nights_of_results
from pytest_modelbench.store.locations.folder import Folder
from pytest_modelbench.store.results import render_results, write_results
from tests.unit.report_sessions import EMPTY
from tests.unit.test_store_history import session

RUN = {
    "machine_info": {
        "node": "runner-7", "machine": "x86_64", "python_version": "3.11.9", "python_implementation": "CPython",
        "release": "6.1", "system": "Linux", "cpu": {"brand_raw": "AMD EPYC", "count": 4},
    },
    "commit_info": {"id": "a" * 40, "dirty": True, "branch": "main"},
    "benchmarks": [
        {"name": "test_sort[10]", "fullname": "tests/test_it.py::test_sort[10]", "params": {"n": 10},
         "stats": {"min": 0.5, "median": 0.75, "mean": 0.8, "rounds": 5, "outliers": "1;2", "ops": 1.25}},
    ],
    "datetime": "2025-03-01T12:00:00.123456+01:00",
    "version": "5.1.0",
}  # fmt: skip
ASV = {
    "commit_hash": "b" * 40,
    "env_name": "virtualenv-py3.11-numpy",
    "date": 1740823200000,
    "params": {"machine": "box", "cpu": "AMD EPYC", "num_cpu": "4", "arch": "x86_64", "os": "Linux", "numpy": "1.26"},
    "python": "3.11",
    "requirements": {"numpy": "1.26"},
    "env_vars": {},
    "result_columns": ["result", "params", "version", "started_at", "duration", "stats_ci_99_a"],
    "results": {
        "suite.Sort.time_sort": [[0.5, None, float("nan"), 0.25], [["1", "10"], ["'a'", "'b'"]], "v1", 1],
        "suite.peakmem_all": [[1024], [], "v1"],
        "suite.track_score": [[0.5], [], "v1"],
        "suite.time_failed": [None, [], "v1"],
        "suite.time_old": [],
    },
    "durations": {"<build>": 1.0},
    "version": 2,
}
UNITS = {"suite.track_score": {"unit": "points", "type": "track"}, "suite.Sort.time_sort": {"unit": "seconds"},
         "version": 2}  # fmt: skip


def imported(tmp_path, *paths):
    location = Folder(tmp_path / "history")
    found = import_into(location, paths)
    return found, (read_history(location) if found.added else None)


def written(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_a_results_file_is_what_its_session_would_have_kept(tmp_path):
    one = session(3, 0.4, Verdict.REGRESSED)
    write_results(tmp_path / "results.json", one)
    keep(tmp_path / "kept", one)
    found, history = imported(tmp_path, tmp_path / "results.json")
    assert (found.added, found.known, found.left) == (1, 0, ())
    assert history == read_history(tmp_path / "kept")
    assert import_into(Folder(tmp_path / "history"), [tmp_path / "results.json"]).known == 1


def test_its_lines_are_read_one_by_one_and_another_layout_as_a_whole(tmp_path):
    one = replace(
        session(3), tests=(TestResult("t.py::t", Outcome.FAILED, 1.0, 'no "checks": [\n  ],\n'),), warnings=("a", "b")
    )
    lines = written(tmp_path / "lines.json", render_results(one))
    whole = written(tmp_path / "whole.json", json.dumps(json.loads(lines.read_text()), indent=2))
    kept, points = _by_lines(lines)
    assert (kept.stamp, kept.environments, kept.warnings, kept.checks) == (one.stamp, one.environments, ("a", "b"), ())
    assert len(points) == 1
    with pytest.raises(ValueError):
        _by_lines(whole)
    assert nights_of_results(whole) == nights_of_results(lines)
    assert nights_of_results(written(tmp_path / "none.json", render_results(EMPTY))) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda text: text[:-5], "is cut off"),
        (lambda text: text.replace('"schema": 2', '"schema": 3'), "is newer than 2"),
        (lambda text: text.replace('"interrupted": false', '"interrupted": true'), "the session was interrupted"),
        (lambda text: text.replace('"verdict": "ok"', '"verdict": "fine"'), "verdict"),
        (lambda text: text.replace('  "against": ""', '  "against": "",\n  "against": "x"'), "stands twice"),
        (lambda text: text + "{}", "is not JSON"),
    ],
)
def test_a_results_file_that_cannot_be_used_is_named(tmp_path, change, told):
    text = render_results(session(3))
    assert change(text) != text
    path = written(tmp_path / "results.json", change(text))
    found, _ = imported(tmp_path, path)
    (why,) = found.left
    assert why.startswith(str(path))
    assert told in why


def test_another_history_folded_or_not_comes_in_by_union(tmp_path):
    for day in (1, 2, 3):
        keep(tmp_path / "other", session(day))
    before = read_history(tmp_path / "other")
    fold(Folder(tmp_path / "other"), "2026-11-03")
    found, history = imported(tmp_path, tmp_path / "other")
    assert (found.added, history) == (3, before)
    assert imported(tmp_path, tmp_path / "other")[0].known == 3


def test_runs_of_pytest_benchmark_are_series_in_an_environment_of_their_own(tmp_path):
    first = written(tmp_path / "b" / "Linux-CPython" / "0001_run.json", RUN)
    later = RUN | {"datetime": "2025-03-02T12:00:00", "commit_info": {"id": "unversioned", "dirty": False}}
    written(first.with_name("0002_run.json"), later)
    found, history = imported(tmp_path, tmp_path / "b")
    assert (found.added, found.left) == (2, ())
    median, least = history.series
    assert median.last.imported
    assert [one.name for one in (least, median)] == ["min", "median"]
    assert (least.folder, least.test) == ("imported-pytest-benchmark-amd-epyc-4c", "tests/test_it.py::test_sort[10]")
    assert (least.case, least.unit, least.better) == ("test_sort[10]", "s", "lower")
    assert [one.value for one in median.nights] == [0.75, 0.75]
    one, two = least.nights
    assert (one.started, one.commit, one.verdict) == ("2025-03-01T11:00:00.123Z", "a" * 40, Verdict.NEW)
    assert one.session == "2025-03-01T11:00:00.123Z-aaaaaaaaaa-dirty"
    assert (two.started, two.commit) == ("2025-03-02T12:00:00.000Z", None)
    assert one.facts["python"] == "3.11.9"
    kept = [json.loads(path.read_text())["imported"] for path in (tmp_path / "history").iterdir()]
    assert kept == ["pytest-benchmark 5.1.0"] * 2


def test_results_of_asv_are_series_with_a_check_for_each_set_of_parameters(tmp_path):
    folder = tmp_path / "asv" / "results"
    written(folder / "box" / "bbbbbbbb-virtualenv-py3.11-numpy.json", ASV)
    written(folder / "box" / "machine.json", {"machine": "box", "version": 1})
    written(folder / "benchmarks.json", UNITS)
    found, history = imported(tmp_path, folder)
    assert (found.added, found.left) == (1, ())
    told = {(one.test, one.name): (one.unit, one.last.value) for one in history.series}
    assert told == {
        ("suite.Sort.time_sort(1, 'a')", "time"): ("s", 0.5),
        ("suite.Sort.time_sort(10, 'b')", "time"): ("s", 0.25),
        ("suite.peakmem_all", "peak_memory"): ("bytes", 1024.0),
        ("suite.track_score", "value"): ("points", 0.5),
    }
    last = history.series[0].last
    assert (last.started, last.commit) == ("2025-03-01T10:00:00.000Z", "b" * 40)
    assert history.series[0].folder == "imported-asv-box-virtualenv-py3-11-numpy"
    assert last.imported
    assert last.facts["numpy"] == "1.26"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "is empty"),
        ("{", "is cut off"),
        ("[1]", "is none of what a history can be made of"),
        ({"a": 1}, "is none of what a history can be made of"),
        ("[" * 100_000, "is nested too deeply"),
        (RUN | {"datetime": "yesterday"}, "datetime"),
        (RUN | {"benchmarks": [{"name": "a", "fullname": "b", "stats": {"min": -1, "median": 1}}]}, "stats > min"),
        (RUN | {"benchmarks": []}, "holds no value"),
        (RUN | {"machine_info": 3}, "machine_info"),
        (ASV | {"version": 1}, "is of version 1 of asv's layout, and 2 is what is read; `asv update`"),
        (ASV | {"date": None}, "date"),
        (ASV | {"date": 1e300}, "date"),
        (ASV | {"results": {}}, "holds no value"),
        (ASV | {"results": {"a": 3}}, "results > a"),
        (ASV | {"results": {"suite.time_a": [[10**400], [], "v1"]}}, "holds no value"),
        (RUN | {"datetime": "0001-01-01T00:00:00+14:00"}, "holds a value that cannot be used: date value out of range"),
    ],
)
def test_what_cannot_be_used_is_named_and_the_rest_is_imported(tmp_path, content, told):
    path = written(tmp_path / "in" / "bad.json", content)
    written(tmp_path / "in" / "good.json", RUN)
    found, history = imported(tmp_path, tmp_path / "in")
    assert history.sessions == 1
    (why,) = found.left
    assert why.startswith(str(path))
    assert told in why


def test_the_command_tells_what_was_added_and_what_was_not(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    written(Path("run.json"), RUN | {"version": "5\x1b[31m"})
    written(Path("\x1b[31m.json"), "")
    assert main(["history-import", "run.json", "--history", "nights"]) == 0
    assert capsys.readouterr().out == "nights: 1 night added\n"
    assert main(["history-import", "run.json", "\x1b[31m.json", "--history", "nights"]) == 1
    said = capsys.readouterr().out
    assert said.startswith("left out:  [31m.json: is empty. It is left out")
    assert said.endswith("\nnights: 0 nights added, 1 already there\n")
    for path, told in (("nowhere", "there is no such file or folder"), ("empty", "no file in this folder is one")):
        assert main(["history-import", "run.json", path, "--history", "more"]) == 4
        assert told in capsys.readouterr().err
    assert not Path("more").exists()


def test_an_environment_is_named_after_what_it_was(tmp_path):
    bare = RUN | {"machine_info": {"machine": "arm64"}}
    _, history = imported(tmp_path, written(tmp_path / "bare.json", bare))
    assert history.series[0].folder == "imported-pytest-benchmark-arm64"


def test_a_results_file_that_says_what_no_night_may_is_named_and_the_rest_is_imported(tmp_path):
    one = session(3)
    path = written(tmp_path / "in" / "bad.json", render_results(replace(one, stamp=replace(one.stamp, commit=""))))
    written(tmp_path / "in" / "good.json", RUN)
    found, _ = imported(tmp_path, tmp_path / "in")
    (why,) = found.left
    assert found.added == 1
    assert why.startswith(f"{path}: commit: '' is not text, or empty.")


def test_what_tells_otherwise_of_a_session_that_is_there_or_came_before_is_named_and_left_out(tmp_path):
    otherwise = RUN | {"version": "6"}
    written(tmp_path / "in" / "1.json", RUN)
    later = written(tmp_path / "in" / "2.json", otherwise)
    found, history = imported(tmp_path, tmp_path / "in")
    assert (found.added, history.damaged) == (1, ())
    told = ": another file tells otherwise of the session 2025-03-01T11:00:00.123Z-aaaaaaaaaa-dirty; remove one of them"
    assert found.left == (f"{later}{told}",)
    found = import_into(Folder(tmp_path / "history"), [later])
    assert (found.added, found.known, found.left) == (0, 0, (f"{later}{told}",))
    (night,) = (tmp_path / "history").iterdir()
    night.write_text("torn")
    found = import_into(Folder(tmp_path / "history"), [tmp_path / "in" / "1.json"])
    assert [str(night) in one for one in found.left] == [True]


def test_environments_of_asv_whose_long_names_begin_alike_are_two(tmp_path):
    for end in "ab":
        written(tmp_path / "in" / f"{end}.json", ASV | {"env_name": "virtualenv-py3.11-" + "numpy-" * 30 + end})
    found, history = imported(tmp_path, tmp_path / "in")
    assert (found.added, found.left, history.damaged) == (2, (), ())
    assert len({one.folder for one in history.series}) == 2
    assert max(len(one.folder) for one in history.series) <= 129
