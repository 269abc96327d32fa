"""The gate as a user meets it: accepted, held, and never open by accident."""

import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.store_checks import entries_in

ONE = "def test_one(modelbench):\n    modelbench.record('answer', {answer})\n"


def test_new_then_accepted_then_ok_then_regressed_then_accepted(bench, accept, pytester, stored):
    first = bench(source=ONE.format(answer=42))
    first.assert_outcomes(passed=1)
    first.stdout.fnmatch_lines(["NOT GATED: 1 check has no baseline in baselines/portable*", "*--update-baselines*"])
    assert stored() == {}

    accepted = accept()
    accepted.stdout.fnmatch_lines(["*test_one*answer*42*new*"])
    bench().assert_outcomes(passed=1)

    before = {path: path.read_bytes() for path in (pytester.path / "baselines").rglob("*.json")}
    worse = bench(source=ONE.format(answer=43))
    worse.assert_outcomes(failed=1)
    worse.stdout.fnmatch_lines(["answer: answer regressed: 42 -> 43 (+1), no change is tolerated"])
    worse.stdout.fnmatch_lines(["*if this is intended:*pytest --modelbench *--update-baselines test_it.py::test_one"])
    assert {path: path.read_bytes() for path in (pytester.path / "baselines").rglob("*.json")} == before
    brief = bench("--tb=line")
    brief.stdout.fnmatch_lines(["test_it.py:1: answer: answer regressed: 42 -> 43 (+1), no change is tolerated"])
    brief.stdout.no_fnmatch_line("*if this is intended:*")

    accept().stdout.fnmatch_lines(["*test_one*answer*42*43*replaced*"])
    bench().assert_outcomes(passed=1)


@pytest.mark.slow
def test_an_improvement_passes_and_asks_to_be_accepted(bench, accept):
    accept(source=ONE.format(answer=42))
    result = bench(source=ONE.format(answer=41))
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*answer*42*41*improved*", "*--update-baselines*"])


@pytest.mark.slow
def test_a_time_that_pairs_told_from_its_baseline_is_replaced_though_what_is_stored_agrees(accept, pytester, stored):
    source = "def test_one(modelbench):\n    modelbench.record('lap', {}, unit='s', noisy=True)\n"
    accept(source=source.format(1.0))

    def entry():
        return stored()["portable"]["test_it.py::test_one"]["lap"]

    first = entry()["accepted"]
    accept(source=source.format(1.001)).stdout.fnmatch_lines(["baselines: 1 kept (session added)*"])
    assert entry()["accepted"] == first
    moved = pytester.path / ".pytest_cache/d/modelbench/moved.json"
    moved.write_text(json.dumps([["portable", "test_it.py::test_one", "lap", first]]))  # as a session leaves it
    accept(source=source.format(1.002)).stdout.fnmatch_lines(["baselines: 1 replaced*"])
    assert entry()["accepted"] != first
    accept(source=source.format(1.001)).stdout.fnmatch_lines(["baselines: 1 kept (session added)*"])


def test_updating_touches_only_what_ran(accept, stored):
    source = "".join(f"def test_{name}(modelbench):\n    modelbench.record('x', {{}})\n\n" for name in "ab")
    accept(source=source.format(1, 2))
    accept("-k", "test_b", source=source.format(10, 20))
    values = {test: entry["x"]["value"] for test, entry in stored()["portable"].items()}
    assert values == {"test_it.py::test_a": 1, "test_it.py::test_b": 20}


@pytest.mark.slow
def test_a_failing_test_is_never_accepted(bench, accept, stored):
    accept(source=ONE.format(answer=42))
    result = bench("--update-baselines", source=ONE.format(answer=43) + "    assert False\n")
    result.assert_outcomes(failed=1)
    assert stored()["portable"]["test_it.py::test_one"]["answer"]["value"] == 42


@pytest.mark.slow
def test_a_renamed_test_fails_and_its_orphan_is_named(bench, accept, pytester):
    accept(source=ONE.format(answer=42))
    result = bench(source=ONE.format(answer=42).replace("test_one", "test_first"))
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*no baseline for answer in portable, though it holds 1 other check; was the test renamed?"]
    )
    result.stdout.fnmatch_lines(["*test_it.py::test_one*", "*pytest-modelbench prune*"])


def test_a_measurement_that_disappeared_fails(bench, accept):
    accept(source=ONE.format(answer=42))
    result = bench(source="def test_one(modelbench):\n    pass\n")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["has a baseline for answer, but did not measure it"])


@pytest.mark.slow
def test_a_skipped_test_with_a_baseline_fails_unless_it_may(bench, accept):
    accept(source=ONE.format(answer=42))
    skipping = "import pytest\n\n@pytest.mark.skip(reason='moved house')\n" + ONE.format(answer=42)
    more = "\ndef test_two(modelbench):\n    pass\n"
    result = bench(source=skipping + more)
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(["skipped, so its baseline was not checked: moved house"])
    bench("--modelbench-skipped=pass").assert_outcomes(skipped=1, passed=1)


def test_an_environment_without_baseline_fails_when_asked(bench):
    result = bench("--modelbench-missing=fail", source=ONE.format(answer=42))
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*no baseline for answer in portable: nothing there yet"])


@pytest.mark.slow
def test_environments_that_have_baselines_are_named_where_this_one_has_none(bench, pytester):
    there = pytester.path / "baselines" / "cuda-nvidia-h200"
    there.mkdir(parents=True)
    file = {"format": "pytest-modelbench baseline", "schema": 2, "environment": {"device": "cuda"}}
    (there / "it.json").write_text(json.dumps({**file, "sessions": {}, "entries": {}}))
    result = bench(source="def test_it(modelbench):\n    modelbench.record('laps', 2, scope='device')\n")
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            "NOT GATED: 1 check has no baseline in baselines/cpu-*: nothing there yet; there are baselines of 1 other "
            "environment (what differs, there -> here)",
            "    cuda-nvidia-h200: device cuda -> cpu",
            "    accept baselines for this environment with",
            "    pytest --modelbench --modelbench-device=cpu --update-baselines",
        ]
    )


@pytest.mark.slow
def test_an_open_check_is_an_outcome_and_an_exit_status_of_its_own(bench, pytester):
    source = """
import os, pathlib

def test_one(modelbench):
    count = pathlib.Path('count')
    n = int(count.read_text()) if count.exists() else 0
    count.write_text(str(n + 1))
    modelbench.record('speed', [1.0, 1.3, 0.8, 1.2, 0.9][n % 5], unit='s', noisy=True, scope='device', band='5%')
"""
    assert bench("--update-baselines", source=source).ret == 0
    result = bench("--junitxml=junit.xml", rounds="2")
    assert result.parseoutcomes()["inconclusive"] == 1
    assert result.ret == 10
    result.stdout.fnmatch_lines(
        [
            "=* INCONCLUSIVE =*",
            "_* test_one _*",
            "speed: speed is inconclusive: * measured (95% sure: *), 5% is tolerated",
            "  to try again, on a quieter machine: *",
            "*speed*inconclusive*",
            "*1 inconclusive*",
        ]
    )
    assert 'type="pytest.skip" message="inconclusive: ' in (pytester.path / "junit.xml").read_text()
    assert bench("--modelbench-inconclusive=pass", rounds="2").ret == 0


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "*baselines/portable/it.json*empty*"),
        ("{", "*baselines/portable/it.json*"),
        ("baseline", "*baselines/portable/it.json*"),
        ('{"a": 1, "a": 2}', "*baselines/portable/it.json*"),
    ],
)
def test_a_file_that_is_no_baseline_stops_the_session_before_anything_is_measured(bench, pytester, content, says):
    folder = pytester.mkdir("baselines")
    (folder / "portable").mkdir()
    (folder / "portable" / "it.json").write_text(content)
    result = bench(source=ONE.format(answer=42))
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([says])
    assert (folder / "portable" / "it.json").read_text() == content


@pytest.mark.slow
@pytest.mark.parametrize(
    ("key", "value"),
    [("value", "NaN"), ("value", -1), ("value", "42"), ("unit", 3), ("better", "up"), ("colour", "red")],
)
def test_an_entry_that_cannot_be_trusted_stops_the_session_and_is_named(bench, accept, pytester, key, value):
    accept(source="def test_one(modelbench):\n    modelbench.cost\n    modelbench.record('answer', 42, unit='bytes')\n")
    path = pytester.path / "baselines" / "portable" / "it.json"
    content = json.loads(path.read_text())
    (entry,) = [record for record in content["records"] if record and "test" in record]
    entry[key] = float("nan") if value == "NaN" else value
    path.write_text(json.dumps(content))
    result = bench()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*it.json*"])
    assert bench("--update-baselines").ret == pytest.ExitCode.USAGE_ERROR
    assert entries_in(path)["test_it.py::test_one"]["answer"].keys() >= {key}


@pytest.mark.slow
def test_a_newer_schema_asks_for_an_upgrade(bench, accept, pytester):
    accept(source=ONE.format(answer=42))
    path = pytester.path / "baselines" / "portable" / "it.json"
    path.write_text(path.read_text().replace('"schema": 3', '"schema": 99'))
    result = bench()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*99*pgrade*"])


@pytest.mark.slow
def test_another_case_direction_or_unit_is_incomparable_and_fails(bench, accept):
    accept(source=ONE.format(answer=42))
    result = bench(source=ONE.format(answer="42, unit='apples'"))
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*cannot be compared with its baseline: the unit changed from 'count' to 'apples'"])


def test_a_folder_that_cannot_be_written_is_found_before_measuring(bench, pytester):
    (pytester.path / "baselines").write_text("a file where the folder should be")
    result = bench("--update-baselines", source=ONE.format(answer=42))
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*baselines*"])


@pytest.mark.slow
def test_what_could_not_be_accepted_is_kept_and_accepted_later(bench, pytester, stored):
    pytester.makeconftest(
        "from pytest_modelbench.store import baselines\n"
        "from pytest_modelbench.core.errors import BaselineError\n\n"
        "def full(*_):\n    raise BaselineError('baselines: no space left on device')\n\n"
        "baselines.BaselineStore.accept = full\n"
    )
    result = bench("--update-baselines", source=ONE.format(answer=42), apart=True)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stdout.fnmatch_lines(["NOT ACCEPTED: *no space left*", "results written to *", "nothing is lost: *"])

    assert stored() == {}
    command = next(line.split() for line in result.outlines if "pytest-modelbench accept" in line)
    subprocess.run([sys.executable, "-m", "pytest_modelbench.cli", *command[1:]], cwd=pytester.path, check=True)
    assert stored()["portable"]["test_it.py::test_one"]["answer"]["value"] == 42


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no such device here")
def test_results_that_cannot_be_written_where_they_were_asked_for_are_kept_elsewhere(bench, pytester):
    result = bench("--modelbench-json=/dev/full", source=ONE.format(answer=42))
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stdout.fnmatch_lines(["NOT WRITTEN: /dev/full: *No space left*", "results written to */results.json"])
    written = re.search(r"results written to (.*)", result.stdout.str())[1]
    assert json.loads(Path(written).read_text())["session"]["checks"]
    assert stat.S_ISCHR(os.stat("/dev/full").st_mode)


REFUSES = """
import os
from pytest_modelbench.core.errors import BaselineError
from pytest_modelbench.session import closing
from pytest_modelbench.store import results

def no(*_):
    {how}

def pytest_configure():
    {what} = no
"""


@pytest.mark.parametrize(
    ("what", "how", "told"),
    [
        ("results.render_results", "raise BaselineError('they cannot be kept')", ["NOT WRITTEN: they cannot be kept"]),
        ("closing.write_atomically", "raise OSError(28, os.strerror(28))", 3 * ["NOT WRITTEN: * No space left *"]),
    ],
    ids=["not as JSON", "nowhere"],
)
def test_results_that_cannot_be_written_anywhere_leave_nothing_behind(bench, pytester, monkeypatch, what, how, told):
    monkeypatch.setenv("TMPDIR", str(pytester.mkdir("tmp")))
    pytester.makeconftest(REFUSES.format(what=what, how=how))
    result = bench("--modelbench-json=results.json", source=ONE.format(answer=42), apart=True)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    said = [line for line in result.outlines if line.startswith("NOT WRITTEN")]
    assert len(said) == len(told)
    result.stdout.fnmatch_lines(told)
    assert list((pytester.path / "tmp").iterdir()) == []


def test_recording_twice_under_one_name_fails(bench):
    source = ONE.format(answer=42) + "    modelbench.record('answer', 43)\n"
    bench(source=source).stdout.fnmatch_lines(["*records 'answer' twice; give the second a name of its own*"])


@pytest.mark.slow
def test_two_sessions_updating_at_once_both_land(pytester, stored):
    pytester.makepyprojecttoml("[tool.modelbench]\nupdate-rounds = 1\n")
    pytester.makepyfile(test_a=ONE.format(answer=1), test_b=ONE.format(answer=2), test_c=ONE.format(answer=3))
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--modelbench",
        "--device=cpu",
        "--update-baselines",
        "-p",
        "no:cacheprovider",
    ]
    sessions = [
        subprocess.Popen([*command, f"test_{name}.py"], cwd=pytester.path, stdout=subprocess.PIPE, text=True)
        for name in "abc"
    ]
    outputs = [session.communicate(timeout=120)[0] for session in sessions]
    assert [session.returncode for session in sessions] == [0, 0, 0], outputs
    assert len(stored()["portable"]) == 3


def test_results_are_written_whole(bench, pytester):
    assert bench("--modelbench-json=results.json", source=ONE.format(answer=42)).ret == 0
    results = json.loads((pytester.path / "results.json").read_text())
    assert results["format"] == "pytest-modelbench results"


@pytest.mark.slow
def test_results_that_cannot_be_written_are_an_error_and_nothing_else_is_lost(bench):
    result = bench("--modelbench-json=/proc/results.json", source=ONE.format(answer=42))
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stdout.fnmatch_lines(["*answer*42*new*", "NOT WRITTEN: *results.json*"])


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="no affinity here")
def test_workers_are_pinned_and_single_threaded_and_others_are_not(bench, pytester):
    source = """
import os, torch

def test_one(modelbench):
    modelbench.record('cores', len(os.sched_getaffinity(0)))
    modelbench.record('threads', torch.get_num_threads())
"""
    result = bench("--modelbench-json=results.json", source=source)
    result.stdout.fnmatch_lines(["*cores*1*", "*threads*1*"])
