"""Files that hold the lines of two branches: read, told, and settled."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_modelbench.core.errors import BaselineError
from pytest_modelbench.core.verdicts import Verdict
from pytest_modelbench.store.baselines import BaselineStore
from pytest_modelbench.store.files import read_baseline_file, settled
from pytest_modelbench.store.markers import Marked, marked
from pytest_modelbench.store.merging import Choice, OfSession, merge
from pytest_modelbench.store.records import Records, records_of, render_baseline_file
from tests.unit.store_checks import ENVIRONMENT, latency, macs, stamp

PATH = Path("a.json")


def accepted(values: dict[str, int], day: int, folder: Path, verdict: Verdict = Verdict.REGRESSED) -> str:
    """The text of the file after ``values`` are accepted in ``folder``."""
    checks = [macs(value, verdict, test=f"test_a.py::{name}") for name, value in values.items()]
    BaselineStore(folder).accept(checks, stamp(day), ENVIRONMENT)
    return (folder / "portable" / "a.json").read_text()


def branch(base: str, values: dict[str, int], day: int, folder: Path) -> str:
    """The text after ``values`` are accepted over ``base``."""
    path = folder / "portable" / "a.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(base)
    return accepted(values, day, folder)


def union(*texts: str) -> str:
    """What git's union may make of them at worst: every line of every one."""
    lines = [line for text in texts for line in text.splitlines() if line.endswith("},")]
    head, _, _ = texts[0].partition("[\n")
    return head + "[\n" + "\n".join(lines) + "\nnull]}\n"


def held(text: str) -> dict[str, float]:
    file, contradictions = settled(records_of(PATH, text))
    assert not contradictions
    return {test.partition("::")[2]: entries["macs"].value for test, entries in file.entries.items()}


def test_what_two_branches_accepted_is_read_from_the_lines_of_both(tmp_path: Path) -> None:
    base = accepted({"a": 1, "b": 2, "c": 3}, 1, tmp_path)
    both = union(branch(base, {"a": 10, "d": 4}, 2, tmp_path), branch(base, {"c": 30, "e": 5}, 3, tmp_path))
    assert held(both) == {"a": 10, "b": 2, "c": 30, "d": 4, "e": 5}
    path = tmp_path / "portable" / "a.json"
    path.write_text(both)
    assert both.count('"check"') == 8  # the stale lines of a and c, and b twice, are dropped with the next write
    assert accepted({"b": 20}, 4, tmp_path).count('"check"') == 5


def test_a_value_that_both_accepted_differently_is_named_with_both_and_the_command(tmp_path: Path) -> None:
    base = accepted({"a": 1, "b": 2}, 1, tmp_path)
    both = union(branch(base, {"a": 10, "b": 20}, 2, tmp_path), branch(base, {"a": 11, "b": 21}, 3, tmp_path))
    path = tmp_path / "portable" / "a.json"
    path.write_text(both)
    with pytest.raises(BaselineError) as caught:
        BaselineStore(tmp_path).load("portable")
    assert str(caught.value) == (
        f"{path}: two branches accepted another value of test_a.py::a macs, as of 1 more: 10 count (accepted "
        f"{stamp(2).id}) and 11 count (accepted {stamp(3).id}). Settle it with `pytest-modelbench merge-conflict "
        f"{path}` and --ours, --theirs or --measure"
    )


def test_two_entries_of_one_session_that_differ_in_case_are_named_with_it(tmp_path: Path) -> None:
    text = accepted({"a": 1}, 1, tmp_path)
    line = next(line for line in text.splitlines() if '"check"' in line)
    path = tmp_path / "portable" / "a.json"
    path.write_text(text.replace("null]}", line.replace('"resnet50-b1"', '"other"') + "\n\nnull]}"))
    with pytest.raises(BaselineError, match=r"1 count \(accepted .*, case 'resnet50-b1'\) and 1 count \(.*'other'\)"):
        read_baseline_file(path)


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (lambda text: text.replace("null]}\n", ""), "is cut off"),
        (lambda text: text.replace("},\n\nnull]}", "}\n]}"), "records: the last record is not null"),
        (lambda text: "\n".join(line for line in text.splitlines() if '"session"' not in line),
         f"test_a.py::a > macs: session '{stamp(1).id}' is not described"),
        (lambda text: text.replace("null]}", '{"session": "' + stamp(1).id
         + '", "commit": null, "dirty": false, "provenance": {}},\nnull]}'), f"{stamp(1).id}: stands there twice"),
    ],
)  # fmt: skip
def test_damage_is_named(tmp_path: Path, damage: object, what: str) -> None:
    assert callable(damage)
    path = tmp_path / "a.json"
    path.write_text(damage(accepted({"a": 1}, 1, tmp_path)))
    with pytest.raises(BaselineError) as caught:
        read_baseline_file(path)
    assert str(caught.value).startswith(f"{path}: {what}")


@settings(max_examples=60)
@given(shuffle=st.randoms(use_true_random=False))
def test_lines_may_come_in_any_order_and_any_number_of_times(
    tmp_path_factory: pytest.TempPathFactory, shuffle: random.Random
) -> None:
    folder = tmp_path_factory.mktemp("baselines")
    BaselineStore(folder).accept([latency([0.1, 0.2], [3.0, 3.1], test="test_a.py::t")], stamp(1), ENVIRONMENT)
    text = accepted({"a": 1, "b": 2}, 2, folder)
    lines = [line for line in text.splitlines() if line.endswith("},")]
    mixed = shuffle.choices(lines, k=3) + lines
    shuffle.shuffle(mixed)
    file, _ = settled(records_of(PATH, union(text, "\n".join(mixed))))
    assert render_baseline_file(file) == text


_values = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 3), max_size=5)


@pytest.mark.slow
@settings(max_examples=60)  # every one writes to the disk
@given(base=_values, ours=_values, theirs=_values, swapped=st.booleans())
def test_the_union_of_two_accepts_is_what_both_accepted_or_names_what_contradicts(
    tmp_path_factory: pytest.TempPathFactory,
    base: dict[str, int],
    ours: dict[str, int],
    theirs: dict[str, int],
    swapped: bool,
) -> None:
    folder = tmp_path_factory.mktemp("baselines")
    before = accepted({"z": 1, **base}, 1, folder)
    texts = [branch(before, {"x": 5, **ours}, 2, folder), branch(before, {"y": 6, **theirs}, 3, folder)]
    _, contradictions = settled(records_of(PATH, union(*reversed(texts) if swapped else texts)))
    # What was accepted as it is stored already says nothing new.
    new = [{name: value for name, value in side.items() if base.get(name) != value} for side in (ours, theirs)]
    differing = {name for name in new[0].keys() & new[1].keys() if new[0][name] != new[1][name]}
    assert {key.test.partition("::")[2] for key in contradictions} == differing
    if not differing:
        assert held(union(*texts)) == {"z": 1, "x": 5, "y": 6, **base, **new[0], **new[1]}


# --- with what both had before


def sides(tmp_path: Path, base: dict[str, int], ours: dict[str, int], theirs: dict[str, int]) -> list[Records]:
    before = accepted(base, 1, tmp_path)
    texts = [branch(before, ours, 2, tmp_path), branch(before, theirs, 3, tmp_path), before]
    return [records_of(PATH, text) for text in texts]


def without(records: Records, name: str) -> Records:
    left = {key: entries for key, entries in records.entries.items() if key.test != f"test_a.py::{name}"}
    return Records(3, None, records.sessions, left)


def test_what_one_side_removed_and_the_other_did_not_change_is_gone(tmp_path: Path) -> None:
    ours, theirs, base = sides(tmp_path, {"a": 1, "b": 2}, {"c": 3}, {"d": 4})
    merged = merge(PATH, without(ours, "a"), theirs, base)
    assert not merged.contradictions
    assert sorted(merged.file.entries) == ["test_a.py::b", "test_a.py::c", "test_a.py::d"]
    # Without it, a line that is there is kept.
    assert "test_a.py::a" in merge(PATH, without(ours, "a"), theirs).file.entries


@pytest.mark.parametrize(("choice", "value"), [(Choice.OURS, None), (Choice.THEIRS, 10), (Choice.MEASURE, None)])
def test_what_one_side_removed_and_the_other_changed_is_asked(
    tmp_path: Path, choice: Choice, value: int | None
) -> None:
    ours, theirs, base = sides(tmp_path, {"a": 1, "b": 2}, {"c": 3}, {"a": 10})
    merged = merge(PATH, without(ours, "a"), theirs, base)
    (asked,) = merged.contradictions
    assert (str(asked.key), asked.ours, asked.theirs[0].value) == ("test_a.py::a macs", (), 10)
    done = merged.settled(choice)
    assert not done.contradictions
    found = done.file.entries.get("test_a.py::a")
    assert (found["macs"].value if found else None) == value


def test_the_side_that_is_taken_replaces_the_other_for_good(tmp_path: Path) -> None:
    ours, theirs, base = sides(tmp_path, {"a": 1}, {"a": 10}, {"a": 11})
    for choice, other, value in ((Choice.OURS, theirs, 10), (Choice.THEIRS, ours, 11)):
        done = merge(PATH, ours, theirs, base).settled(choice)
        again = union(render_baseline_file(done.file), render_baseline_file(settled(other)[0]))
        assert held(again) == {"a": value}


def test_of_three_branches_no_side_can_be_taken(tmp_path: Path) -> None:
    ours, theirs, _ = sides(tmp_path, {"a": 1}, {"a": 10}, {"a": 11})
    base = accepted({"a": 1}, 1, tmp_path / "more")
    third = records_of(PATH, branch(base, {"a": 12}, 4, tmp_path / "more"))
    (key,) = theirs.entries
    theirs.entries[key] += third.entries[key]
    merged = merge(PATH, ours, theirs)
    assert merged.settled(Choice.THEIRS).contradictions
    assert not merged.settled(OfSession(stamp(4).id)).contradictions
    assert not merged.settled(Choice.OURS).contradictions
    assert not merged.settled(Choice.MEASURE).contradictions


def test_sides_of_two_environments_are_refused() -> None:
    one, other = Records(3, {"device": "A"}), Records(3, {"device": "B"})
    with pytest.raises(BaselineError, match=r"hold baselines of two environments: device A -> B\. Keep one with `git"):
        merge(PATH, one, other)
    assert merge(PATH, one, Records(3)).file.environment == {"device": "A"}
    assert merge(PATH, Records(3), one).file.environment == {"device": "A"}


# --- what git marked

CONFLICT = "a\n<<<<<<< HEAD\nb\n=======\nc\n>>>>>>> topic\nd\n"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (CONFLICT, Marked("a\nb\nd\n", "a\nc\nd\n")),
        (CONFLICT + CONFLICT, Marked("a\nb\nd\n" * 2, "a\nc\nd\n" * 2)),
        (CONFLICT.replace("=======", "||||||| base\nx\n<<<<<<<<< nested\n======="), Marked("a\nb\nd\n", "a\nc\nd\n")),
        (CONFLICT.replace("b\n", ""), Marked("a\nd\n", "a\nc\nd\n")),
        (CONFLICT.replace("\n", "\r\n"), Marked("a\r\nb\r\nd\r\n", "a\r\nc\r\nd\r\n")),
        ("a\nb\n", None),
        (CONFLICT.replace(">>>>>>> topic\n", ""), None),
        (CONFLICT.replace("=======\n", ""), None),
        (CONFLICT.replace("<<<<<<< HEAD\n", ""), None),
        (CONFLICT.replace("b\n", "<<<<<<< HEAD\n"), None),
    ],
)
def test_the_sides_of_a_marked_text(text: str, found: Marked | None) -> None:
    assert marked(text) == found


def test_the_lines_of_a_record_never_look_like_a_mark(tmp_path: Path) -> None:
    text = accepted({"<<<<<<< HEAD": 1, "=======": 2}, 1, tmp_path)
    assert marked(text) is None
    assert json.loads(text)["records"][-1] is None
