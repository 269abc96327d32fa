"""Which of several entries of one check holds."""

from __future__ import annotations

import itertools
import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modelbench.store.lineage import MOST_REPLACED, MOST_SESSIONS, heads, joined, replacing
from pytest_modelbench.store.schema import Entry, Processes


def exact(value: int, accepted: str, *replaces: str, case: str = "a") -> Entry:
    return Entry(case=case, value=value, unit="count", better="lower", accepted=accepted, replaces=replaces)


def processes(value: float) -> Processes:
    return Processes(values=(value,), log_ratios=(math.log(value),))


def noisy(accepted: str, *others: str, replaces: tuple[str, ...] = (), value: float = 0.5) -> Entry:
    sessions = {accepted: processes(value), **{name: processes(0.7) for name in others}}
    return Entry(
        case="a", value=value, unit="s", better="lower", accepted=accepted, replaces=replaces, sessions=sessions
    )


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_an_entry_that_another_one_replaces_is_dropped_whatever_comes_first(order: tuple[int, ...]) -> None:
    lines = [exact(1, "s1"), exact(2, "s2", "s1"), exact(3, "s3", "s2", "s1")]
    assert heads([lines[place] for place in order]) == [lines[2]]


def test_what_was_accepted_twice_on_a_branch_replaces_what_was_there_before() -> None:
    twice = replacing(exact(3, "s3"), replacing(exact(2, "s2"), exact(1, "s1")))
    assert twice.replaces == ("s2", "s1")
    assert heads([exact(1, "s1"), twice]) == [twice]


def test_two_values_of_one_base_contradict_and_are_left_in_their_order() -> None:
    lines = [exact(3, "s3", "s1"), exact(1, "s1"), exact(2, "s2", "s1")]
    assert heads(lines) == [lines[0], lines[2]]


def test_one_value_of_two_sessions_is_one_that_replaces_the_other() -> None:
    assert heads([exact(2, "s2", "s1"), exact(2, "s3", "s1")]) == [exact(2, "s3", "s2", "s1")]


def test_one_value_of_another_case_is_no_twin() -> None:
    lines = [exact(2, "s2"), exact(2, "s3", case="b")]
    assert heads(lines) == lines


def test_entries_that_replace_each_other_are_all_left() -> None:
    lines = [exact(1, "s1", "s2"), exact(2, "s2", "s1")]
    assert heads(lines) == lines


def test_an_entry_does_not_replace_itself() -> None:
    assert heads([exact(1, "s1", "s1")]) == [exact(1, "s1", "s1")]
    assert replacing(exact(2, "s1"), exact(1, "s1", "s0")).replaces == ("s0",)


def test_days_that_two_branches_learned_of_one_anchor_are_joined() -> None:
    assert heads([noisy("s1"), noisy("s1", "s2"), noisy("s1", "s3")]) == [noisy("s1", "s3", "s2")]


def test_days_of_an_anchor_that_moved_go_with_it() -> None:
    moved = noisy("s3", replaces=("s1",), value=0.9)
    assert heads([noisy("s1", "s2"), moved]) == [moved]


def test_one_session_with_two_values_contradicts() -> None:
    lines = [exact(1, "s1"), exact(2, "s1")]
    assert heads(lines) == lines
    timed = [noisy("s1"), noisy("s1", value=0.6)]
    assert heads(timed) == timed


def test_the_anchor_and_the_newest_days_are_kept() -> None:
    days = {f"s{day:02d}": processes(0.7) for day in range(2, 40)}
    kept = joined(noisy("s01"), days).sessions
    assert kept is not None
    assert list(kept) == ["s01", *(f"s{day:02d}" for day in range(39, 39 - MOST_SESSIONS + 1, -1))]


def test_no_more_are_remembered_than_a_line_should_hold() -> None:
    entry = exact(0, "s00")
    for day in range(1, 40):
        entry = replacing(exact(day, f"s{day:02d}"), entry)
    assert entry.replaces == tuple(f"s{day:02d}" for day in range(38, 38 - MOST_REPLACED, -1))


_NAMES = st.sampled_from(["s1", "s2", "s3", "s4"])
_ENTRIES = st.builds(
    lambda value, accepted, replaces: exact(value, accepted, *sorted(replaces - {accepted}, reverse=True)),
    st.integers(1, 3), _NAMES, st.sets(_NAMES, max_size=3),
)  # fmt: skip
_TIMED = st.permutations(["s1", "s2", "s3"]).map(lambda names: noisy(*sorted(names[:2])))


@given(st.lists(_ENTRIES | _TIMED, min_size=1, max_size=6), st.randoms())
def test_something_is_always_left_and_neither_order_nor_repetition_matters(
    entries: list[Entry], random: Random
) -> None:
    left = heads(entries)
    assert left
    shuffled = entries + random.choices(entries, k=2)
    random.shuffle(shuffled)
    assert sorted(map(repr, heads(shuffled))) == sorted(map(repr, left))
    assert heads(left) == left
