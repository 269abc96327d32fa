"""Two sides: what got worse on top, what is equal in one line, and whose change it is."""

from __future__ import annotations

import math

import pytest

from pytest_modelbench.core.metrics import Better
from pytest_modelbench.report.comparison import Place, Side, Value, render

LOWER, HIGHER, EQUAL = Better.LOWER, Better.HIGHER, Better.EQUAL


def exact(value: float, better: Better = LOWER, unit: str = "count") -> Value:
    return Value(value, unit, better)


def noisy(value: float, *, better: Better = LOWER, apart: float = 0.001, reference_s: float = 0.0005) -> Value:
    """Five processes whose log ratios lie ``apart``, beside a reference that took so long."""
    middle = math.log(value) - math.log(reference_s)
    ratios = tuple(middle + apart * step for step in (-2, -1, 0, 1, 2))
    return Value(value, "s", better, ratios, "conv", math.log(reference_s))


def compared(found: dict[str, tuple[Value | None, Value | None]], *, width: int = 100, whole: bool = False) -> str:
    """The table and what follows it, without the lines that say what A and B are."""
    sides = [
        Side(typed, about, {Place("", "t.py::t", name): pair[at] for name, pair in found.items() if pair[at]})
        for at, (typed, about) in enumerate([("a.json", "of A"), ("b.json", "of B")])
    ]
    head, _, rest = render(*sides, width, whole=whole).partition("\n\n")
    assert head == "A: a.json\n   of A\nB: b.json\n   of B"
    return rest


def test_worse_comes_before_better_and_the_largest_first() -> None:
    text = compared(
        {
            "slightly": (exact(100), exact(101)),
            "faster": (noisy(0.1), noisy(0.08)),
            "output": (exact(0.5, EQUAL, "rms"), exact(0.25, EQUAL, "rms")),
            "rate": (exact(30, HIGHER), exact(40, HIGHER)),
            "slower": (noisy(0.1), noisy(0.12)),
            "nothing": (exact(0), exact(5)),
            "other": (exact(1), exact(1, unit="bytes")),
            "same": (exact(7), exact(7)),
            "noise": (noisy(0.1, apart=0.01), noisy(0.101, apart=0.01)),
        }
    )
    assert text.splitlines() == [
        "test     check              A           B       A -> B",
        "t.py::t  nothing            0           5           +5  worse",
        "         output    0.5000 rms  0.2500 rms       -50.0%  worse",
        "         slower        100 ms      120 ms  +20.0% ±2.3  worse",
        "         slightly         100         101        +1.0%  worse",
        "         rate              30          40       +33.3%  better",
        "         faster      100.0 ms     80.0 ms  -20.0% ±1.6  better",
        "         other              1         1 B            -  other unit",
        "",
        "2 checks are equal, 1 of them within the noise (--all lists what is equal)",
    ]


def test_what_is_equal_is_listed_where_it_is_asked_for() -> None:
    found = {"same": (exact(7), exact(7)), "noise": (noisy(0.1), noisy(0.1001))}
    assert compared(found) == "all 2 checks are equal, 1 of them within the noise (--all lists what is equal)"
    assert compared(found, whole=True).splitlines() == [
        "test     check       A       B      A -> B",
        "t.py::t  noise  100 ms  100 ms  +0.1% ±2.0  equal",
        "         same        7       7           =  equal",
    ]
    assert compared({"same": (exact(7), exact(7))}) == "1 check is equal (--all lists what is equal)"
    assert compared({}) == "nothing is in both"


@pytest.mark.parametrize(("then", "now", "listed"), [(0.1, 0.104, False), (0.1, 0.13, True)])
def test_a_large_change_is_listed_even_where_one_process_cannot_prove_it(then: float, now: float, listed: bool) -> None:
    alone = [Value(value, "s", LOWER, (math.log(value),)) for value in (then, now)]
    text = compared({"latency": (alone[0], alone[1])})
    assert text.startswith("test ") == listed
    assert ("1 check is equal, within the noise" in text) == (not listed)


def test_another_speed_of_the_machine_is_left_out_and_told() -> None:
    text = compared({"latency": (noisy(0.1), noisy(0.08, reference_s=0.0003))})
    assert text.splitlines() == [
        "test     check           A        B         A -> B",
        "t.py::t  latency  100.0 ms  80.0 ms  +33.3% ±48.2*  worse?",
        "* B's machine ran up to 40.0% faster than A's; the change is corrected for that",
    ]


def test_what_is_on_one_side_alone_is_listed_by_test() -> None:
    assert compared({"macs": (exact(1), None), "latency": (exact(2), None), "new": (None, exact(3))}).splitlines() == [
        "nothing is in both",
        "",
        "only in A:",
        "    t.py::t (latency, macs)",
        "",
        "only in B:",
        "    t.py::t (new)",
    ]


def test_a_folder_is_named_where_two_hold_the_same_check() -> None:
    def side(values: dict[tuple[str, str], float]) -> Side:
        return Side("x", "y", {Place(folder, "t", name): exact(value) for (folder, name), value in values.items()})

    a = side({("cpu-a", "latency"): 1, ("cpu-b", "latency"): 1, ("portable", "macs"): 1})
    b = side({("cpu-a", "latency"): 2, ("cpu-b", "latency"): 3, ("portable", "macs"): 4})
    tests = [line.split("  ")[0] for line in render(a, b, 80).splitlines()[5:]]
    assert tests == ["test", "t", "cpu-b: t", "cpu-a: t"]


def test_ids_are_whole_on_a_narrow_terminal() -> None:
    test = "tests/benchmarks/test_inference.py::test_inference[vit_base_patch16_224-b32-224-bf16]"
    sides = [Side("x", "y", {Place("", test, "macs"): exact(value)}) for value in (1, 2)]
    table = render(sides[0], sides[1], 60).splitlines()[5:]
    assert table == ["  check  A  B  A -> B", test, "  macs   1  2   +100%  worse"]
