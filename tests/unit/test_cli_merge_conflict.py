"""``pytest-modelbench merge-conflict`` in real repositories."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from pytest_modelbench.cli import main
from pytest_modelbench.core.measurement import CheckKey
from pytest_modelbench.core.verdicts import Verdict
from pytest_modelbench.store.baselines import BaselineStore
from tests.trials.merging.branches import Branches, git
from tests.unit.store_checks import ENVIRONMENT, as_schema_2, macs, stamp

Output = pytest.CaptureFixture[str]
FILE = Path("baselines/portable/a.json")
OURS, THEIRS = stamp(2).id, stamp(3).id


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def accept(values: dict[str, int], day: int) -> None:
    checks = [macs(value, Verdict.REGRESSED, test=f"test_a.py::{name}") for name, value in values.items()]
    BaselineStore(Path("baselines")).accept(checks, stamp(day), ENVIRONMENT)


def commit(branch: str = "") -> None:
    if branch:
        git(Path(), "checkout", "--quiet", "-b", branch, "main")
    git(Path(), "add", "--all")
    git(Path(), "commit", "--quiet", "--allow-empty", "--message=accept")


def branches(ours: dict[str, int], theirs: dict[str, int], *, union: bool) -> None:
    """A base of a and b; two branches that accepted ``ours`` and ``theirs``, the first of them checked out."""
    git(Path(), "init", "--quiet", "--initial-branch=main")
    accept({"a": 1, "b": 2}, 1)
    if not union:
        Path("baselines/.gitattributes").unlink()
    commit()
    git(Path(), "checkout", "--quiet", "-b", "theirs")
    accept(theirs, 3)
    commit()
    git(Path(), "checkout", "--quiet", "-b", "ours", "main")
    accept(ours, 2)
    commit()


def merge() -> int:
    return git(Path(), "merge", "--quiet", "--no-edit", "theirs", check=False).returncode


def held() -> dict[str, float]:
    store = BaselineStore(Path("baselines"))
    found = {key: store.find("portable", key) for key in store.keys("portable")}
    return {key.test.partition("::")[2]: view.value for key, view in found.items() if view}


def test_git_by_itself_merges_what_two_branches_accepted_of_one_module() -> None:
    branches({"a": 10, "c": 3}, {"b": 20, "d": 4}, union=True)
    assert merge() == 0
    assert held() == {"a": 10, "b": 20, "c": 3, "d": 4}
    assert git(Path(), "status", "--porcelain").stdout == ""


@pytest.mark.parametrize("seed", range(4))
def test_random_pairs_merge_and_hold_what_both_accepted(tmp_path: Path, seed: int) -> None:
    """A hundred of them: tests/trials/merging."""
    pair = Branches(tmp_path, random.Random(seed))
    pair.make()
    assert pair.merge() == []
    wanted = {at: (entry.value, entry.accepted) for at, entry in pair.wanted().items()}
    assert {at: (entry.value, entry.accepted) for at, entry in pair.held().items()} == wanted


def test_two_new_files_of_one_module_are_one(capsys: Output) -> None:
    git(Path(), "init", "--quiet", "--initial-branch=main")
    accept({}, 1)
    Path("baselines").mkdir()
    Path("baselines/.gitattributes").write_text("*.json merge=union\n")
    commit()
    for branch, values, day in (("theirs", {"a": 1, "c": 3}, 3), ("ours", {"b": 2}, 2)):
        git(Path(), "checkout", "--quiet", "-b", branch, "main")
        accept(values, day)
        commit()
    assert merge() == 0
    assert held() == {"a": 1, "b": 2, "c": 3}


def test_what_git_marked_is_settled_by_keeping_both_sides(capsys: Output) -> None:
    branches({"a": 10, "c": 3}, {"d": 4}, union=False)
    assert merge() == 1
    assert main(["show", "portable"]) == 4
    error = capsys.readouterr().err
    line = next(n for n, text in enumerate(FILE.read_text().splitlines(), 1) if text.startswith("<<<<<<<"))
    assert error == (
        f"pytest-modelbench: {FILE}: line {line}: an unresolved merge conflict begins here. `pytest-modelbench "
        f"merge-conflict {FILE}` keeps the lines of both sides, and asks where they contradict\n"
    )
    assert main(["merge-conflict", str(FILE)]) == 0
    assert capsys.readouterr().out == (
        f"{FILE}: merged, with 4 entries\ntell git that they are merged:\n    git add {FILE}\n"
    )
    assert held() == {"a": 10, "b": 2, "c": 3, "d": 4}
    assert main(["merge-conflict", str(FILE)]) == 0
    assert capsys.readouterr().out.startswith(f"{FILE}: nothing to settle\n")


def told(ours: str, theirs: str) -> str:
    return f"  test_a.py::a macs\n    ours: {ours}\n    theirs: {theirs}\n"


@pytest.mark.parametrize("union", [True, False], ids=["union", "marked"])
def test_what_both_accepted_differently_is_asked_and_nothing_is_written(capsys: Output, union: bool) -> None:
    branches({"a": 10, "c": 3}, {"a": 11, "d": 4}, union=union)
    assert merge() == (0 if union else 1)
    before = FILE.read_bytes()
    assert main(["merge-conflict", str(FILE)]) == 1
    assert capsys.readouterr().out == (
        f"{FILE}: its sides contradict\n"
        + told(f"10 count (accepted {OURS})", f"11 count (accepted {THEIRS})")
        + "settle these with --ours, --theirs or --measure; the files that hold them are as they were\n"
    )
    assert FILE.read_bytes() == before


@pytest.mark.parametrize("union", [True, False], ids=["union", "marked"])
@pytest.mark.parametrize(("option", "value"), [("--ours", 10), ("--theirs", 11), ("--measure", None)])
def test_a_side_is_taken_or_both_go_and_are_measured_again(
    capsys: Output, union: bool, option: str, value: int | None
) -> None:
    branches({"a": 10, "c": 3}, {"a": 11, "d": 4}, union=union)
    merge()
    assert main(["merge-conflict", option, str(FILE)]) == 0
    out = capsys.readouterr().out
    said = {"--ours": "ours was kept of", "--theirs": "theirs was kept of", "--measure": "neither side was kept of"}
    count = 4 if value else 3
    assert out.startswith(f"{FILE}: merged, with {count} entries; {said[option]}\n  test_a.py::a macs\n")
    command = "measured before:\n    pytest --modelbench --update-baselines test_a.py::a\n"
    assert out.endswith(command) == (value is None)
    assert held() == {"b": 2, "c": 3, "d": 4, **({"a": value} if value else {})}


def test_sides_are_told_by_the_merge_whatever_the_order_of_lines_and_whatever_came_after(capsys: Output) -> None:
    branches({"a": 10}, {"a": 11}, union=True)
    merge()
    git(Path(), "commit", "--quiet", "--allow-empty", "--message=more")
    head, *records, end = FILE.read_text().split("\n\n")
    FILE.write_text("\n\n".join([head, *reversed(records), end]))
    assert main(["merge-conflict", str(FILE)]) == 1
    assert told(f"10 count (accepted {OURS})", f"11 count (accepted {THEIRS})") in capsys.readouterr().out
    assert main(["merge-conflict", "--theirs", str(FILE)]) == 0
    assert held() == {"a": 11, "b": 2}


def test_where_no_merge_tells_the_sides_a_session_is_named(capsys: Output) -> None:
    branches({"a": 10}, {"a": 11}, union=True)
    git(Path(), "rebase", "--quiet", "theirs")
    for option in ([], ["--ours"], ["--theirs"], ["--session", "another"]):
        assert main(["merge-conflict", *option, str(FILE)]) == 1
        assert sorted(capsys.readouterr().out.splitlines()) == sorted(
            [
                f"{FILE}: its sides contradict",
                "  test_a.py::a macs",
                f"    either: 10 count (accepted {OURS})",
                f"    either: 11 count (accepted {THEIRS})",
                "settle these with --session ID, since git does not know their sides, or --measure; the files that "
                "hold them are as they were",
            ]
        )
    assert main(["merge-conflict", "--session", THEIRS, str(FILE)]) == 0
    assert f"that of {THEIRS} was kept of" in capsys.readouterr().out
    assert held() == {"a": 11, "b": 2}


@pytest.mark.parametrize(("option", "value"), [("--ours", 11), ("--theirs", 10)])
def test_in_a_rebase_ours_is_what_commits_are_put_onto_as_git_has_it(option: str, value: int) -> None:
    branches({"a": 10}, {"a": 11}, union=False)
    assert git(Path(), "rebase", "--quiet", "theirs", check=False).returncode == 1
    assert main(["merge-conflict", option, str(FILE)]) == 0
    assert held() == {"a": value, "b": 2}


def test_sides_are_told_from_the_index_where_nothing_is_marked() -> None:
    branches({"a": 10, "c": 3}, {"b": 20}, union=False)
    Path(".gitattributes").write_text("*.json -merge\n")
    assert merge() == 1
    assert "<<<<<<<" not in FILE.read_text()
    assert main(["merge-conflict", str(FILE)]) == 0
    assert held() == {"a": 10, "b": 20, "c": 3}


def test_where_the_index_knows_nothing_of_it_sides_are_what_is_marked(capsys: Output) -> None:
    branches({"a": 10, "c": 3}, {"a": 11, "d": 4}, union=False)
    merge()
    git(Path(), "add", "--all")  # a conflict that was committed as it is
    git(Path(), "commit", "--quiet", "--no-verify", "--message=oops")
    assert main(["merge-conflict", str(FILE)]) == 1
    assert told(f"10 count (accepted {OURS})", f"11 count (accepted {THEIRS})") in capsys.readouterr().out
    assert main(["merge-conflict", "--theirs", str(FILE)]) == 0
    assert held() == {"a": 11, "b": 2, "c": 3, "d": 4}
    assert "git add" not in capsys.readouterr().out


def test_a_file_that_one_side_removed_is_asked_for_what_the_other_changed(capsys: Output) -> None:
    branches({"a": 10}, {"d": 4}, union=False)
    git(Path(), "checkout", "--quiet", "theirs")
    git(Path(), "rm", "--quiet", str(FILE))
    git(Path(), "commit", "--quiet", "--message=prune")
    git(Path(), "checkout", "--quiet", "ours")
    assert merge() == 1
    assert main(["merge-conflict", str(FILE)]) == 1
    assert told(f"10 count (accepted {OURS})", "removed") in capsys.readouterr().out
    assert main(["merge-conflict", "--theirs", str(FILE)]) == 0
    assert not FILE.exists()
    assert "removed, since no entry is left" in capsys.readouterr().out


@pytest.mark.parametrize("into", ["main", "topic"])
def test_two_forms_of_a_file_are_one_again(capsys: Output, into: str) -> None:
    """The main branch converts its baselines while another one accepts in the former form."""
    branches({}, {}, union=False)
    git(Path(), "checkout", "--quiet", "main")
    FILE.write_text(as_schema_2(FILE))
    commit()
    git(Path(), "checkout", "--quiet", "-b", "topic")
    accept({"a": 10}, 2)
    FILE.write_text(as_schema_2(FILE).replace(f', "replaces": ["{stamp(1).id}"]', ""))
    commit()
    git(Path(), "checkout", "--quiet", "main")
    assert main(["convert"]) == 0
    commit()
    git(Path(), "checkout", "--quiet", into)
    git(Path(), "merge", "--quiet", "--no-edit", "topic" if into == "main" else "main", check=False)
    capsys.readouterr()
    assert main(["show"]) == 4
    assert f"`pytest-modelbench merge-conflict {FILE}`" in capsys.readouterr().err
    assert main(["merge-conflict", str(FILE)]) == 0
    assert held() == {"a": 10, "b": 2}


@pytest.mark.parametrize("gone", ["=======", ">>>>>>>", "null]}"])
def test_marks_that_somebody_broke_are_named_and_nothing_is_written(capsys: Output, gone: str) -> None:
    branches({"a": 10}, {"a": 11}, union=False)
    merge()
    text = "".join(line for line in FILE.read_text().splitlines(keepends=True) if not line.startswith(gone))
    FILE.write_text(text)
    assert main(["merge-conflict", "--ours", str(FILE)]) == 4
    line = next(n for n, text in enumerate(text.splitlines(), 1) if text.startswith("<<<<<<<"))
    assert capsys.readouterr().err.startswith(
        f"pytest-modelbench: {FILE}: line {line}: what is of which side cannot be told from these marks. Bring the "
        f"conflict back with `git checkout --merge -- {FILE}`"
    )
    assert FILE.read_text() == text


def test_a_file_that_no_merge_brought_together_is_an_error_as_ever(capsys: Output) -> None:
    branches({"a": 10}, {"d": 4}, union=False)
    FILE.write_text("{")
    assert main(["merge-conflict", str(FILE)]) == 4
    assert f"{FILE}: is cut off" in capsys.readouterr().err


def test_what_somebody_settled_by_hand_stays(capsys: Output) -> None:
    branches({"a": 10, "b": 20}, {"a": 11, "b": 21}, union=False)
    merge()
    text = FILE.read_text()
    lines = [line for line in text.splitlines(keepends=True) if line[:7] not in ("<<<<<<<", "=======", ">>>>>>>")]
    value_of_a = [line for line in lines if '"value": 11' not in line]
    FILE.write_text("".join(value_of_a))
    assert main(["merge-conflict", str(FILE)]) == 1  # b is left, and a is not asked any more
    out = capsys.readouterr().out
    assert "test_a.py::b" in out
    assert "test_a.py::a" not in out


def test_a_line_that_somebody_wrote_by_hand_is_never_lost(capsys: Output) -> None:
    branches({"a": 10}, {"a": 11}, union=False)
    merge()
    text = FILE.read_text().replace('"value": 2,', '"value": 5,')
    FILE.write_text(text)
    assert main(["merge-conflict", "--ours", str(FILE)]) == 4
    assert capsys.readouterr().err == (
        f"pytest-modelbench: {FILE}: holds a line of test_a.py::b macs that is in neither side. Settle the rest by "
        f"hand, or bring the whole conflict back with `git checkout --merge -- {FILE}`\n"
    )
    assert FILE.read_text() == text


def test_several_files_at_once_and_those_that_are_settled_are_written(capsys: Output) -> None:
    branches({"a": 10}, {"a": 11}, union=True)
    merge()
    other = FILE.with_name("b.json")
    other.write_text(FILE.read_text().replace("test_a.py", "test_b.py"))
    assert main(["merge-conflict", str(FILE), str(other), "--measure"]) == 0
    assert capsys.readouterr().out.endswith("--update-baselines test_a.py::a test_b.py::a\n")
    assert CheckKey("test_b.py::a", "macs") not in BaselineStore(Path("baselines")).keys("portable")


@pytest.mark.parametrize(
    ("name", "message"), [("missing.json", "missing.json: there is no such file"), (".", ".: is a directory")]
)
def test_a_file_that_is_none_is_named(capsys: Output, name: str, message: str) -> None:
    assert main(["merge-conflict", name]) == 4
    assert capsys.readouterr().err.startswith(f"pytest-modelbench: {message}")
