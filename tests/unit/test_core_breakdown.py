"""What a value is the sum of: as a line of text, and what differs in a later one."""

import base64
import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modelbench.core.breakdown import Breakdown, Item, ItemChange, read

NAMES = st.text(max_size=12)
AMOUNTS = st.dictionaries(st.tuples(NAMES, NAMES), st.integers(0, 2**62), max_size=12)


def packed(rows):
    return base64.b64encode(zlib.compress(json.dumps(rows).encode())).decode()


@given(AMOUNTS)
def test_a_breakdown_survives_the_way_through_a_line_of_text(amounts):
    found = Breakdown.of(amounts)
    line = found.text()
    assert read(line) == found
    assert line.isascii()
    assert not set(line) & set(' "\\\n')
    assert found.total == sum(amounts.values()) == sum(found.by_kind().values())


@given(AMOUNTS, AMOUNTS)
def test_changes_lead_from_one_to_the_other(then, now):
    then, now = {key: size for key, size in then.items() if size}, {key: size for key, size in now.items() if size}
    changes = Breakdown.of(then).changes(Breakdown.of(now))
    assert len({(one.module, one.what) for one in changes}) == len(changes)
    assert all(one.then != one.now for one in changes)
    led = {**then, **{(one.module, one.what): one.now for one in changes}}
    assert {key: size for key, size in led.items() if size} == now
    assert sum(one.difference for one in changes) == sum(now.values()) - sum(then.values())


def test_changes_come_in_the_order_of_what_ran_and_what_is_gone_where_it_was():
    then = Breakdown((Item("a", "x", 1), Item("b", "x", 2), Item("c", "x", 3)))
    now = Breakdown((Item("a", "x", 2), Item("new", "y", 1), Item("c", "x", 4)))
    assert then.changes(now) == (
        ItemChange("a", "x", 1, 2),
        ItemChange("b", "x", 2, 0),
        ItemChange("new", "y", 0, 1),
        ItemChange("c", "x", 3, 4),
    )
    assert then.changes(then) == ()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no packed breakdown|cut off"),
        ("äöü", "ASCII|no packed"),
        ("not base64!", "no packed breakdown"),
        (base64.b64encode(b"not packed").decode(), "no packed breakdown"),
        (packed([["a", "x", 1]])[:-8] + "AAAA", "cut off|no packed"),
        (base64.b64encode(zlib.compress(b"[") + b"more").decode(), "cut off"),
        (base64.b64encode(zlib.compress(b" " * 2**25)).decode(), "far too long"),
        (base64.b64encode(zlib.compress(b"[" * 100_000)).decode(), "a list of"),
        (packed({"a": 1}), "a list of"),
        (packed([["a", "x"]]), "a list of"),
        (packed([["a", "x", 1.5]]), "a list of"),
        (packed([["a", "x", True]]), "a list of"),
        (packed([["a", 3, 1]]), "a list of"),
        (packed([["a", "x", 0]]), "nothing, or less"),
        (packed([["a", "x", -1]]), "nothing, or less"),
        (packed([["a", "x", 1], ["a", "x", 2]]), "twice"),
    ],
)
def test_what_is_no_breakdown_is_refused(text, why):
    with pytest.raises(ValueError, match=why):
        read(text)
