"""A night on which nothing changed: real repositories, and times that come from a file, as a machine's do."""

import json

import pytest

SOURCE = """
import os

def test_it(modelbench):
    with open(os.environ["SECONDS"]) as file:
        modelbench.record("time", float(file.read()), unit="s", noisy=True, scope="device")
"""


@pytest.fixture
def night(bench, pytester, git, accept, monkeypatch, tmp_path):
    """Accepts and commits a time of 0.1 s; then runs the gate on a machine on which it takes ``seconds``."""
    machine = tmp_path / "seconds"
    monkeypatch.setenv("SECONDS", str(machine))
    machine.write_text("0.1")
    pytester.makepyprojecttoml("[tool.modelbench]\nupdate-rounds = 3\n")
    pytester.makepyfile(test_it=SOURCE)
    (pytester.path / ".gitignore").write_text("__pycache__\n.pytest_cache\nresults.json\ncache\n.env\n")
    git("init", "--quiet")
    for message in ("code", "baselines"):
        git("add", "--all")
        git("commit", "--quiet", "--message", message)
        if message == "code":
            accept()

    def run(seconds, *arguments):
        machine.write_text(str(seconds))
        result = bench("--modelbench-json=results.json", *arguments, rounds="")
        session = json.loads((pytester.path / "results.json").read_text())["session"]
        return result, [check["judgement"]["verdict"] for check in session["checks"]], session["processes"]

    return run


@pytest.mark.slow
def test_unchanged_code_is_green_after_two_processes_and_the_machine_is_told_of(night, pytester):
    result, verdicts, processes = night(0.1)
    assert (result.ret, verdicts, processes) == (0, ["unchanged"], 2)
    result.stdout.fnmatch_lines(["*time *unchanged", "1 unchanged"])
    result.stdout.no_fnmatch_line("THE MACHINE MOVED*")
    result, verdicts, processes = night(0.2)
    assert (result.ret, verdicts, processes) == (0, ["unchanged"], 2)
    result.stdout.fnmatch_lines(["THE MACHINE MOVED: 1 of 1 noisy check surely differs from its baseline (+100%)*"])
    (pytester.path / "test_it.py").write_text(f"# a remark\n{SOURCE}")
    (pytester.path / "README.md").write_text("prose")
    result, verdicts, _ = night(0.2, "--modelbench-machine=fail")
    assert (result.ret, verdicts) == (1, ["unchanged"])
    result.stdout.fnmatch_lines(["*time of unchanged code: +100% measured*", "*the machine changed, not the code*"])


CODE = {
    "code": lambda path: (path / "test_it.py").write_text(SOURCE + "\nOTHER = 1\n"),
    "new code": lambda path: (path / "helper.py").write_text("x = 1\n"),
}
BESIDE_GIT = {
    "settings that git ignores": lambda path: (path / ".env").write_text("WEIGHTS=other\n"),
    "a model that was exported anew": lambda path: (path / "net.pt").write_bytes(b"another"),
}


@pytest.mark.slow
@pytest.mark.parametrize("change", [pytest.param(change, id=what) for what, change in BESIDE_GIT.items()])
def test_whatever_differs_beside_git_may_be_to_blame(night, pytester, change):
    change(pytester.path)
    result, verdicts, _ = night(0.2, "--modelbench-rounds=2")
    assert result.ret != 0
    assert verdicts != ["unchanged"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "change", [CODE["code"], pytest.param(CODE["new code"], marks=pytest.mark.long)], ids=["code", "new code"]
)
def test_other_code_that_is_as_fast_beside_the_baselines_is_green_on_a_machine_that_moved(night, pytester, change):
    change(pytester.path)
    result, verdicts, _ = night(0.2)
    assert (result.ret, verdicts) == (0, ["ok"])
    result.stdout.fnmatch_lines(
        [
            "THE MACHINE MOVED: 1 of 1 noisy check surely differs from its baseline (+100%); beside the baseline's "
            "code, this code is no slower; versions, settings and environment are the same. If it stays so, accept with"
        ]
    )
    result, verdicts, _ = night(0.2, "--modelbench-machine=fail")
    assert (result.ret, verdicts) == (1, ["ok"])
    result.stdout.fnmatch_lines(
        [
            "*time is ok: 0.0%*",
            "*the machine changed, not the code: the code is as fast as that of commit * in 3 pairs, *",
            "*to compare with this machine from now on*",
        ]
    )


@pytest.mark.slow
def test_variables_and_options_that_may_choose_what_is_measured_differ_as_well(night, pytester, monkeypatch):
    monkeypatch.setenv("MKL_CBWR", "COMPATIBLE")
    assert night(0.2, "--modelbench-rounds=2")[1] != ["unchanged"]
    monkeypatch.delenv("MKL_CBWR")
    assert night(0.2)[1] == ["unchanged"]


def nights_in(pytester):
    (path,) = (pytester.path / ".pytest_cache/d/modelbench/nights").glob("*.json")
    return path


@pytest.mark.slow
def test_nights_are_kept_and_tell_that_the_machine_stays_away_and_accepting_takes_them_over(night, pytester, accept):
    night(0.1)
    kept = json.loads(nights_in(pytester).read_text())["nights"]
    assert [one["checks"]["test_it.py::test_it"]["time"]["processes"]["values"] for one in kept] == [[0.1, 0.1]]
    for _ in range(2):
        night(0.2)
    result, verdicts, _ = night(0.2)
    assert (result.ret, verdicts) == (0, ["unchanged"])
    result.stdout.fnmatch_lines(["THE MACHINE MOVED*The 2 sessions before found the same: accept with"])
    assert night(0.1)[1] == ["unchanged"]
    accept()
    (baselines,) = (pytester.path / "baselines").glob("cpu-*/*.json")
    sessions = next(record["sessions"] for record in json.loads(baselines.read_text())["records"] if "test" in record)
    # In their order: the accepted session, the last night of its date that was not away, and the one that accepted.
    assert [len(one["values"]) for one in sessions.values()] == [3, 2, 3]


@pytest.mark.long
def test_a_damaged_cache_is_told_and_filled_anew(night, pytester):
    night(0.1)
    nights_in(pytester).write_text("{")
    result, verdicts, _ = night(0.1)
    assert (result.ret, verdicts) == (0, ["unchanged"])
    result.stdout.fnmatch_lines(["warning: nothing is learned from earlier sessions: *cut off*rm *"])
    assert len(json.loads(nights_in(pytester).read_text())["nights"]) == 1
    assert night(0.1, "-p", "no:cacheprovider")[1] == ["unchanged"]
    assert len(json.loads(nights_in(pytester).read_text())["nights"]) == 1
