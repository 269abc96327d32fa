"""What parts of a model computed on the way to an output: as a line of text, and where a later one leaves it."""

import base64
import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modelbench.core.trail import Parting, Step, Trail, read

NUMBERS = st.floats(-1e30, 1e30).map(lambda number: float(f"{number:.5g}"))
STEPS = st.lists(st.builds(Step, st.text(max_size=12), NUMBERS, st.tuples(NUMBERS, NUMBERS)), max_size=8)


def packed(rows):
    return base64.b64encode(zlib.compress(json.dumps(rows).encode())).decode()


def trail(*steps):
    return Trail(tuple(Step(module, rms, (rms / 2,)) for module, rms in steps))


@given(STEPS)
def test_a_trail_survives_the_way_through_a_line_of_text(steps):
    found = Trail(tuple(steps))
    assert read(found.text()) == found
    assert found.parting(found, 0.0) is None


STORED = trail(("stem", 1.0), ("body.0", 2.0), ("body", 2.0), ("", 4.0))


@pytest.mark.parametrize(
    ("later", "parting"),
    [
        (STORED, None),
        (trail(("stem", 1.00005), ("body.0", 2.0), ("body", 2.0), ("", 4.0)), None),
        (trail(("stem", 1.0), ("body.0", 2.1), ("body", 2.1), ("", 8.0)), Parting("body.0", pytest.approx(0.05))),
        (trail(("stem", 1.0), ("body.0", 2.0), ("body", 2.0), ("", 8.0)), Parting("", pytest.approx(1.0))),
        (trail(("stem", 1.0), ("act", 2.0), ("body.0", 3.0)), Parting("act", None)),
        # Called once more, it is not the one that there was.
        (trail(("stem", 1.0), ("stem", 1.0), ("body.0", 3.0)), Parting("stem", None)),
        # What is gone does not compute; what comes next shows what that does.
        (trail(("stem", 1.0), ("body", 3.0), ("", 4.0)), Parting("body", pytest.approx(0.5))),
    ],
)
def test_the_first_part_that_computes_something_else_is_where_two_part(later, parting):
    assert STORED.parting(later, 1e-4) == parting


def test_out_of_nothing_anything_is_more_than_any_share():
    assert trail(("stem", 0.0)).parting(trail(("stem", 1e-9)), 0.1) == Parting("stem", None)
    more = Trail((Step("stem", 1.0, (1.0, 2.0)),))
    assert trail(("stem", 1.0)).parting(more, 0.1) == Parting("stem", None)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no packed trail|cut off"),
        ("not base64!", "no packed trail"),
        (base64.b64encode(zlib.compress(b" " * 2**22)).decode(), "far too long"),
        (base64.b64encode(zlib.compress(b"[" * 100_000)).decode(), "a list of"),
        (packed({"a": 1}), "a list of"),
        (packed([["a"]]), "a list of"),
        (packed([["a", "1"]]), "a list of"),
        (packed([["a", True]]), "a list of"),
        (packed([[1, 1.0]]), "a list of"),
        (base64.b64encode(zlib.compress(b'[["a", NaN]]')).decode(), "not finite"),
        (packed([["a", 10**400]]), "larger than any"),
    ],
)
def test_what_is_no_trail_is_refused(text, why):
    with pytest.raises(ValueError, match=why):
        read(text)
