"""The command line, on real files."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_modelbench.cli import main
from pytest_modelbench.cli.output import write
from pytest_modelbench.core.measurement import CheckKey
from pytest_modelbench.core.session import Absence, Absent, Asked, Outcome, Renamed, Session, TestResult
from pytest_modelbench.core.verdicts import Verdict
from pytest_modelbench.store.baselines import BaselineStore
from pytest_modelbench.store.results import write_results
from tests.unit.store_checks import ENVIRONMENT, INFERENCE, latency, macs, session, stamp

Output = pytest.CaptureFixture[str]
DEVICE = ENVIRONMENT.slug


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project, with a terminal wide enough for every table."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


@pytest.fixture
def store() -> BaselineStore:
    store = BaselineStore(Path("baselines"))
    store.accept([macs(1000), latency([0.1, 0.1], [3.0, 3.1])], stamp(1), ENVIRONMENT)
    store.accept([latency([0.1], [3.0], Verdict.OK)], stamp(3), ENVIRONMENT)
    return store


def results(value: Session, name: str = "results.json") -> str:
    write_results(Path(name), value)
    return name


def words(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def files() -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in Path().rglob("*.json")}


def test_show_lists_folders_files_entries_sessions_and_dates(store: BaselineStore, capsys: Output) -> None:
    assert main(["show"]) == 0
    assert words(capsys.readouterr().out) == [
        ["folder", "file", "entries", "sessions"],
        ["portable", "inference.json", "1", "1:", "2026-11-01"],
        [DEVICE, "inference.json", "1", "2:", "2026-11-01", "to", "2026-11-03"],
    ]


def test_show_lists_the_entries_of_a_folder_with_values(store: BaselineStore, capsys: Output) -> None:
    assert main(["show", DEVICE, "--baselines", "baselines"]) == 0
    assert words(capsys.readouterr().out) == [
        ["test", "check", "value", "accepted"],
        [INFERENCE, "latency", "100", "ms", "2026-11-01,", "commit", "abc1234567;", "1", "session", "more"],
    ]


def test_show_of_an_unknown_folder_names_the_known_ones(store: BaselineStore, capsys: Output) -> None:
    assert main(["show", "portabel"]) == 4
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        "pytest-modelbench: baselines has no folder 'portabel'. Did you mean 'portable'? "
        f"There are: portable, {DEVICE}\n"
    )


def test_show_without_baselines_names_the_folder_it_looked_for(capsys: Output) -> None:
    assert main(["show"]) == 4
    assert "baselines: there is no such folder of baselines; name it with --baselines DIR" in capsys.readouterr().err
    Path("baselines").mkdir()
    assert main(["show"]) == 0
    assert capsys.readouterr().out == "baselines: no baselines\n"


def test_the_project_settings_say_where_baselines_are(
    store: BaselineStore, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("baselines").rename("perf")
    Path("pyproject.toml").write_text('[tool.modelbench]\nbaselines = "perf"\n')
    below = Path("src/deep")
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    Path("pyproject.toml").write_text("[project]\n")  # says nothing of this tool
    assert main(["show", "portable"]) == 0
    assert "1,000" in capsys.readouterr().out
    Path("pyproject.toml").write_text("[tool.modelbench]\n")
    assert main(["show"]) == 4
    assert capsys.readouterr().err == (
        "pytest-modelbench: baselines: there is no such folder of baselines; name it with --baselines DIR (settings "
        "from pyproject.toml)\n"
    )
    for flag in ("-c", "--config-file"):
        assert main(["show", flag, "../../pyproject.toml", "portable"]) == 0
        assert "1,000" in capsys.readouterr().out
    Path("pyproject.toml").write_text("[tool.modelbench]\nbaseline = 'x'\n")
    assert main(["show"]) == 4
    assert "has no setting 'baseline'. Did you mean 'baselines'?" in capsys.readouterr().err
    Path("pyproject.toml").write_text("[")
    assert main(["show"]) == 4
    assert "pyproject.toml: cannot be read: " in capsys.readouterr().err


def test_compare_says_which_is_which_and_lists_what_changed(capsys: Output) -> None:
    a = results(
        session(macs(1000), latency([0.1], [3.0]), macs(7, test="t.py::gone"), macs(8, test="t.py::t")), "a.json"
    )
    b = results(
        session(macs(1500), latency([0.08], [2.8]), macs(7, test="t.py::here"), macs(8, test="t.py::t"), day=23),
        "b.json",
    )
    assert main(["compare", a, b]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[:4] == [
        "A: a.json",
        "   measured 2026-11-22 15:04 UTC, commit abc1234567 · Some CPU, 2 cores, 1 thread · torch 2.15.0",
        "B: b.json",
        "   measured 2026-11-23 15:04 UTC, commit abc1234567 · Some CPU, 2 cores, 1 thread · torch 2.15.0",
    ]
    assert words(out)[5:] == [
        ["test", "check", "A", "B", "A", "->", "B"],
        [INFERENCE, "macs", "1,000", "1,500", "+50.0%", "worse"],
        ["latency", "100.0", "ms", "80.0", "ms", "-18.1%", "±66.7", "better?"],
        [],
        ["1", "check", "is", "equal", "(--all", "lists", "what", "is", "equal)"],
        [],
        ["only", "in", "A:"],
        ["t.py::gone", "(macs)"],
        [],
        ["only", "in", "B:"],
        ["t.py::here", "(macs)"],
    ]
    assert main(["compare", a, b, "--all"]) == 0
    assert ["t.py::t", "macs", "8", "8", "=", "equal"] in words(capsys.readouterr().out)


def test_compare_takes_baseline_folders_whole_ones_single_ones_and_results(
    store: BaselineStore, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    BaselineStore(Path("other")).accept([macs(2000)], stamp(2), ENVIRONMENT)
    now = results(session(macs(3000)))
    recorded = f"   recorded 2026-11-01 to 2026-11-03, last from commit abc1234567, torch 2.15.0 · portable · {DEVICE}"
    for a, b, about, change in [
        ("baselines", "other", recorded, "+100%"),
        ("baselines/portable", "other/portable",
         "   recorded 2026-11-01, commit abc1234567, torch 2.15.0 · portable", "+100%"),
        ("baselines/portable", now, None, "+200%"),
        ("baselines", now, None, "+200%"),
    ]:  # fmt: skip
        assert main(["compare", a, b]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert about is None or lines[1] == about
        assert lines[6].split()[0] == INFERENCE
        assert lines[6].split()[-2:] == [change, "worse"]
    monkeypatch.chdir("baselines/portable")
    assert main(["compare", ".", "../../other/portable"]) == 0
    assert "2,000" in capsys.readouterr().out


def test_accept_does_what_updating_would_have_done_and_prints_old_and_new(store: BaselineStore, capsys: Output) -> None:
    file = results(session(macs(1500, Verdict.REGRESSED), latency([0.1, 0.1], [3.0, 3.0], Verdict.OK)))
    assert main(["accept", file]) == 0
    out = capsys.readouterr().out
    assert next(line.split()[2:5] for line in out.splitlines() if " macs " in line) == ["1,000", "->", "1,500"]
    assert "replaced" in out
    assert "kept (session added)" in out
    fresh = BaselineStore(Path("baselines"))
    view = fresh.find("portable", CheckKey(INFERENCE, "macs"))
    assert view is not None
    assert (view.value, view.accepted) == (1500, stamp(22).id)
    assert fresh.find(DEVICE, CheckKey(INFERENCE, "latency")) != store.find(DEVICE, CheckKey(INFERENCE, "latency"))
    assert main(["accept", file]) == 0
    assert capsys.readouterr().out == "unchanged: 2\n"


def test_what_accept_refuses_is_measured_again_as_it_was_asked_for_and_stored_where_it_was_to_go(
    capsys: Output,
) -> None:
    failed = [TestResult(INFERENCE, Outcome.FAILED, 1.0, "assert False")]
    asked = Asked({"--modelbench-device": "cpu", "--modelbench-against": "main"}, ("-k", "one"), ("tests",))
    file = results(replace(session(macs(5), tests=failed), asked=asked))
    for more, where in (([], ""), (["--baselines", "other"], " --modelbench-baselines=other")):
        assert main(["accept", *more, file]) == 1
        command = capsys.readouterr().out.splitlines()[-1]
        assert command == f"    pytest --modelbench --modelbench-device=cpu{where} --update-baselines -k one tests"


@pytest.mark.parametrize(
    ("result", "why"),
    [
        (TestResult(INFERENCE, Outcome.PASSED, 1.0), ""),
        (TestResult(INFERENCE, Outcome.INCONCLUSIVE, 1.0), ""),
        (TestResult(INFERENCE, Outcome.FAILED, 1.0, "macs regressed", by_verdict=True), ""),
        (TestResult(INFERENCE, Outcome.FAILED, 1.0, "assert False"),
         "the test did not pass (failed); mend the test, then accept it again"),
        (TestResult(INFERENCE, Outcome.SKIPPED, 1.0, by_verdict=True),
         "the test did not pass (skipped); mend the test, then accept it again"),
        (TestResult("test_other.py::test", Outcome.PASSED, 1.0), "the test did not end; run it to its end"),
    ],
)  # fmt: skip
def test_accept_refuses_what_a_failing_test_measured_but_not_what_a_verdict_failed(
    capsys: Output, result: TestResult, why: str
) -> None:
    status = main(["accept", results(session(macs(5, Verdict.REGRESSED), tests=[result]))])
    out = capsys.readouterr().out
    assert status == (1 if why else 0)
    assert Path("baselines/portable/inference.json").exists() == (not why)
    told = f"NOT ACCEPTED: 1 check of 1 test: {why}\n    {INFERENCE} macs\n"
    # Where that is all that the session has, it is what it was given.
    others = f" '{INFERENCE}'" if result.test != INFERENCE else ""
    told += f"    pytest --modelbench --update-baselines{others}\n"
    assert (out == told) == bool(why)
    assert ("NOT ACCEPTED" in out) == bool(why)


def test_accept_refuses_disturbed_and_unmeasured_checks_and_takes_the_rest(capsys: Output) -> None:
    disturbed = latency([0.1, 0.1], [3.0, 3.0], disturbance="steal time 12%")
    alone = replace(latency([0.1], [3.0]), key=CheckKey("t.py::alone", "latency"))
    empty = replace(macs(1, test="t.py::empty"), measurements=())
    assert main(["accept", results(session(macs(5), disturbed, empty, alone))]) == 1
    assert capsys.readouterr().out.splitlines()[-9:] == [
        "NOT ACCEPTED: 1 check of 1 test: nothing was measured; measure it again",
        "    t.py::empty macs",
        "    pytest --modelbench --update-baselines t.py::empty",
        "NOT ACCEPTED: 1 check of 1 test: the machine was disturbed while it was measured (in 2 of 2 processes; steal "
        "time 12%); measure it again when the machine is less busy; pytest-modelbench doctor says how busy it is; or "
        "add --even-if-disturbed: it is then accepted, with a wider band",
        f"    {INFERENCE} latency",
        f"    pytest --modelbench --update-baselines '{INFERENCE}'",
        "NOT ACCEPTED: 1 check of 1 test: too few processes measured it undisturbed "
        "(in 1); measure it again when the machine is less busy",
        "    t.py::alone latency",
        "    pytest --modelbench --update-baselines t.py::alone",
    ]
    assert sorted(map(str, Path("baselines").rglob("*.json"))) == ["baselines/portable/inference.json"]


def test_accept_takes_one_test_alone_where_it_is_named(capsys: Output) -> None:
    file = results(session(macs(5), macs(6, test="t.py::other")))
    assert main(["accept", "--test", "t.py::othr", file]) == 4
    assert "measured nothing of t.py::othr. Did you mean 't.py::other'?" in capsys.readouterr().err
    assert not Path("baselines").exists()
    assert main(["accept", "--test", "t.py::other", file]) == 0
    assert BaselineStore(Path("baselines")).keys("portable") == [CheckKey("t.py::other", "macs")]


def test_accept_takes_what_was_disturbed_where_that_is_asked_for(capsys: Output) -> None:
    disturbed = latency([0.1, 0.1], [3.0, 3.01], disturbance="steal time 12%")
    assert main(["accept", "--even-if-disturbed", results(session(disturbed))]) == 0
    assert "baselines: 1 new" in capsys.readouterr().out
    far = latency([0.1, 0.1], [3.0, 3.5], disturbance="steal time 12%")
    assert main(["accept", "--even-if-disturbed", results(session(replace(far, key=CheckKey("t.py::t", "latency"))))])
    out = capsys.readouterr().out
    assert "its processes differ too much for any band (2 processes spread by 35.4%)" in out


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (session(macs(5), interrupted=True), "the session was interrupted; run it to its end"),
        (session(macs(5), environments=()), "the session names no environment; no process measured anything: look at"),
    ],
)
def test_accept_takes_nothing_of_an_incomplete_session(capsys: Output, value: Session, why: str) -> None:
    assert main(["accept", results(value)]) == 1
    assert capsys.readouterr().out.startswith(f"NOT ACCEPTED: 1 check of 1 test: {why}")
    assert not Path("baselines").exists()


def test_accept_of_a_session_that_measured_nothing_says_so(capsys: Output) -> None:
    assert main(["accept", results(session())]) == 1
    assert capsys.readouterr().out == "nothing to accept: nothing was measured\n"


def test_prune_removes_the_orphans_of_a_results_file_after_a_dry_run_said_so(
    store: BaselineStore, capsys: Output
) -> None:
    store.accept([macs(3, test="t.py::kept")], stamp(4), ENVIRONMENT)
    gone = [CheckKey(INFERENCE, "macs"), CheckKey(INFERENCE, "latency"), CheckKey("t.py::long_gone", "macs")]
    absent = [*(Absent(key, Absence.GONE) for key in gone), Absent(CheckKey("t.py::kept", "macs"), Absence.DROPPED)]
    file, before = results(session(absent=absent)), files()
    assert main(["prune", "--dry-run", file]) == 0
    said = capsys.readouterr().out
    assert said == f"would remove portable: {INFERENCE} macs\nwould remove {DEVICE}: {INFERENCE} latency\n"
    assert {path: data for path, data in files().items() if path in before} == before
    assert main(["prune", file]) == 0
    assert capsys.readouterr().out == said.replace("would remove", "removed")
    fresh = BaselineStore(Path("baselines"))
    assert (fresh.keys("portable"), fresh.keys(DEVICE)) == ([CheckKey("t.py::kept", "macs")], [])
    assert main(["prune", file]) == 0
    assert capsys.readouterr().out == "nothing to remove\n"


def test_prune_by_a_results_file_leaves_what_may_only_have_another_name(store: BaselineStore, capsys: Output) -> None:
    value = session(absent=[Absent(CheckKey(INFERENCE, name), Absence.GONE) for name in ("macs", "latency")])
    renamed = Renamed(INFERENCE, "t.py::new", ((INFERENCE, "t.py::new"),), ())
    file, before = results(replace(value, renamed=(renamed,))), files()
    assert main(["prune", file]) == 0
    assert capsys.readouterr().out == (
        f"kept {INFERENCE}, which may be t.py::new now: pytest-modelbench rename '{INFERENCE}' t.py::new\n"
        "nothing to remove\n"
    )
    assert {path: data for path, data in files().items() if path in before} == before
    assert main(["prune", "--test", INFERENCE]) == 0
    assert list(Path("baselines").rglob("*.json")) == []


def test_prune_removes_one_test_by_name_in_every_folder(store: BaselineStore, capsys: Output) -> None:
    assert main(["prune", "--test", INFERENCE + "x"]) == 4
    assert f"baselines holds nothing of {INFERENCE}x. Did you mean '{INFERENCE}'?" in capsys.readouterr().err
    assert main(["prune", "--test", INFERENCE]) == 0
    assert capsys.readouterr().out == f"removed portable: {INFERENCE} macs\nremoved {DEVICE}: {INFERENCE} latency\n"
    assert list(Path("baselines").rglob("*.json")) == []


@pytest.mark.parametrize("arguments", [["prune"], ["prune", "a.json", "--test", "x"]])
def test_prune_takes_a_file_or_a_test(capsys: Output, arguments: list[str]) -> None:
    assert main(arguments) == 4
    assert "name either a results file or tests (--test ID)" in capsys.readouterr().err


def test_report_renders_a_results_file_again(capsys: Output) -> None:
    from pytest_modelbench.report import markdown, terminal
    from pytest_modelbench.report.summary import Told

    value = session(macs(5), latency([0.1], [3.0]))
    file = results(value)
    assert main(["report", file]) == 0
    assert capsys.readouterr().out == terminal.render(value, terminal.Look(200), Told()) + "\n"
    assert main(["report", file, "--format", "markdown"]) == 0
    assert capsys.readouterr().out == markdown.render(value).rstrip("\n") + "\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: COMMAND; see pytest-modelbench --help"),
        (["frobnicate"], "argument COMMAND: invalid choice: 'frobnicate'"),
        (["report"], "the following arguments are required: RESULTS; see pytest-modelbench report --help"),
        (["report", "x.json", "--format", "pdf"], "argument --format: invalid choice: 'pdf'"),
        (["report", "missing.json"], "missing.json: there is no such file; check the path"),
        (["compare", "missing.json", "b"], "missing.json: there is no such file; check the path"),
        (["accept", "broken.json"], "broken.json: is cut off"),
        (["prune", "missing.json"], "baselines: there is no such folder of baselines"),
        (["show", "--baselines", "broken.json"], "broken.json: there is no such folder of baselines"),
    ],
)
def test_wrong_usage_and_unusable_files_exit_with_4_and_one_line(
    capsys: Output, arguments: list[str], message: str
) -> None:
    Path("broken.json").write_text("{")
    assert main(arguments) == 4
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"pytest-modelbench: {message}")
    assert err.count("\n") == 1


def test_a_broken_baseline_is_an_error_of_every_command_that_reads_it(store: BaselineStore, capsys: Output) -> None:
    Path("baselines/portable/inference.json").write_text("")
    for arguments in (["show"], ["show", "portable"], ["compare", "baselines", "baselines"]):
        assert main(arguments) == 4
        assert "baselines/portable/inference.json: is empty" in capsys.readouterr().err
    assert main(["accept", results(session(macs(5)))]) == 4
    assert Path("baselines/portable/inference.json").read_text() == ""


def test_the_settings_that_the_doctor_takes_are_read_as_a_session_reads_them(capsys: Output) -> None:
    assert main(["doctor", "--minutes=0", "--threads=0"]) == 4
    assert capsys.readouterr().err == "pytest-modelbench: --threads: '0' is not a whole number of at least 1\n"
    assert main(["doctor", "--minutes=0", "--device="]) == 4
    assert "--device: '' is text; it takes text that is not empty" in capsys.readouterr().err


@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_help_and_version_are_fine(capsys: Output, argument: str) -> None:
    with pytest.raises(SystemExit) as caught:
        main([argument])
    assert caught.value.code == 0
    assert "pytest-modelbench" in capsys.readouterr().out


def test_the_package_runs_as_a_module_and_loads_for_its_help_neither_the_store_nor_the_doctor() -> None:
    source = """
import runpy, sys
sys.argv = ["pytest-modelbench", "--help"]
try:
    runpy.run_module("pytest_modelbench.cli", run_name="__main__")
finally:
    rooms = {name.split(".")[1] for name in sys.modules if name.startswith("pytest_modelbench.")}
    print(sorted(rooms), [name for name in ("pydantic", "pytest", "torch") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.startswith("usage: pytest-modelbench")
    assert done.stdout.splitlines()[-1] == "['cli', 'core', 'options'] []"


def test_a_terminal_that_cannot_show_a_character_gets_an_escape(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    write(stream, "µs \udc80")
    stream.seek(0)
    assert stream.read() == "\\xb5s \\udc80\n"


_IN_A_PIPE = """
import sys
from pytest_modelbench.cli import main

status = main(["show", "portable"])
loaded = {"torch", "pytest", "numpy", "timm"} & set(sys.modules)
sys.exit(f"loaded: {loaded}" if loaded else status)
"""


def test_neither_torch_nor_pytest_is_imported_and_a_reader_that_left_is_no_error(store: BaselineStore) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([sys.executable, "-c", _IN_A_PIPE], stdout=write, stderr=subprocess.PIPE, timeout=60)
    os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")
