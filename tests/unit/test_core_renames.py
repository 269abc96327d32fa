"""Which test may be one that is gone, and what a new id makes of an old one."""

from __future__ import annotations

import pytest

from pytest_modelbench.core.renames import Described, Move, matches, moves, renamed


@pytest.mark.parametrize(
    ("test", "old", "new", "to"),
    [
        ("a.py::t", "a.py::t", "a.py::u", "a.py::u"),
        ("a.py::t", "a.py::t", "b.py::t[x]", "b.py::t[x]"),
        ("a.py::t[x]", "a.py::t", "a.py::u", "a.py::u[x]"),
        ("a.py::t[x]", "a.py::t[x]", "a.py::t", "a.py::t"),
        ("a.py::t[x::y]", "a.py", "b/c.py", "b/c.py::t[x::y]"),
        ("a.py::T::t", "a.py::T", "a.py::U", "a.py::U::t"),
        ("a.py::tt", "a.py::t", "a.py::u", None),
        ("a/b/c.py::t[x/y]", "a/b", "d", "d/c.py::t[x/y]"),
        ("a/bb/c.py::t", "a/b", "d", None),
        ("a.py::t/x[y]", "a.py::t", "a.py::u", None),
        ("b/a.py::t", "a.py", "b.py", None),
        ("aa.py::t", "a.py", "b.py", None),
    ],
)
def test_what_a_new_id_makes_of_a_test(test: str, old: str, new: str, to: str | None) -> None:
    assert renamed(test, old, new) == to


def test_of(name: str, **cases: str) -> Described:
    return Described(name, cases)


test_of.__test__ = False  # type: ignore[attr-defined]
BOTH = {"latency": "resnet", "macs": "resnet"}


@pytest.mark.parametrize(
    ("gone", "new", "found"),
    [
        # The same function in another file, whatever the case.
        (test_of("a.py::t[x]", **BOTH), test_of("b.py::t[x]", latency="other"), True),
        (test_of("a.py::t[x]", **BOTH), test_of("b.py::t[y]", latency="other"), False),
        (test_of("a.py::t", latency="a"), test_of("b.py::t", memory="a"), False),
        # Parametrized since, or no longer.
        (test_of("a.py::t", latency="a"), test_of("a.py::t[1]", latency="b"), True),
        (test_of("a.py::t[1]", latency="a"), test_of("a.py::t", latency="b"), True),
        (test_of("a.py::t[1]", latency="a"), test_of("a.py::t[2]", latency="b"), False),
        (test_of("a.py::t", latency="a"), test_of("a.py::tt[1]", latency="b"), False),
        # The same checks, most of them of the same case.
        (test_of("a.py::t", **BOTH), test_of("b.py::u", **BOTH), True),
        (test_of("a.py::t", **BOTH), test_of("b.py::u", latency="resnet"), False),
        (test_of("a.py::t", **BOTH), test_of("b.py::u", latency="resnet", macs="other"), False),
        (test_of("a.py::t", **BOTH, top1="a"), test_of("b.py::u", **BOTH, top1="b"), True),
    ],
)
def test_what_fits(gone: Described, new: Described, found: bool) -> None:
    assert matches([gone], [new]) == ([(gone.test, new.test)] if found else [])


def test_of_several_that_fit_each_is_taken_once_and_the_nearest_first() -> None:
    gone = [test_of("a.py::test_fast", **BOTH), test_of("a.py::test_slow", **BOTH), test_of("a.py::test_old", **BOTH)]
    new = [test_of("a.py::test_slower", **BOTH), test_of("a.py::test_faster", **BOTH)]
    assert matches(gone, new) == [
        ("a.py::test_fast", "a.py::test_faster"),
        ("a.py::test_slow", "a.py::test_slower"),
    ]


def test_of_new_parameters_the_one_of_the_same_case_is_taken() -> None:
    new = [test_of(f"a.py::t[{size}]", latency=f"resnet-b{size}") for size in (8, 1, 32)]
    assert matches([test_of("a.py::t", latency="resnet-b1")], new) == [("a.py::t", "a.py::t[1]")]


def test_one_that_moved_comes_before_one_that_only_measures_the_same() -> None:
    new = [test_of("a.py::test_twice", **BOTH), test_of("bench/a.py::test", **BOTH)]
    assert matches([test_of("a.py::test", **BOTH)], new) == [("a.py::test", "bench/a.py::test")]


@pytest.mark.parametrize("to", ["b.py::t", "a.py::u"])
def test_a_large_function_that_moved_or_was_renamed_keeps_its_parameters(to: str) -> None:
    gone = [test_of(f"a.py::t[{n}]", value="case") for n in range(500)]
    new = [test_of(f"{to}[{n}]", value="case") for n in range(500)]
    assert matches(gone, new) == [(f"a.py::t[{n}]", f"{to}[{n}]") for n in range(500)]


PAIRS = [("a.py::t[1]", "b.py::t[1]"), ("a.py::t[2]", "b.py::t[2]"), ("a.py::u", "b.py::u")]


def test_a_module_is_one_command() -> None:
    olds = [old for old, _ in PAIRS]
    assert moves(PAIRS, [*olds, "c.py::t"]) == [Move("a.py", "b.py", tuple(PAIRS))]


def test_a_folder_is_one_command_unless_it_is_the_root() -> None:
    pairs = [("x/a.py::t", "y/z/a.py::t"), ("x/b.py::t", "y/z/b.py::t")]
    assert moves(pairs, [old for old, _ in pairs]) == [Move("x", "y/z", tuple(pairs))]
    up = [(old, old.removeprefix("x/")) for old, _ in pairs]
    assert moves(up, [old for old, _ in up]) == [Move(*pair, (pair,)) for pair in up]


def test_a_function_is_one_command_where_the_module_stays_in_part() -> None:
    olds = [old for old, _ in PAIRS]
    assert moves(PAIRS, [*olds, "a.py::v"]) == [
        Move("a.py::t", "b.py::t", tuple(PAIRS[:2])),
        Move(*PAIRS[2], (PAIRS[2],)),
    ]
    assert moves(PAIRS[:2], [*olds, "a.py::t[3]"]) == [Move(*pair, (pair,)) for pair in PAIRS[:2]]


def test_one_test_is_named_as_it_is() -> None:
    assert moves(PAIRS[:1], ["a.py::t[1]"]) == [Move(*PAIRS[0], (PAIRS[0],))]
    other = [("a.py::t", "a.py::t[1]")]
    assert moves(other, ["a.py::t"]) == [Move(*other[0], (other[0],))]
