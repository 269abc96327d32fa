"""The way of a check to its verdict: every state, every event, and what is measured next."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modelbench.core.case import NamedCase
from pytest_modelbench.core.measurement import CheckKey
from pytest_modelbench.core.metrics import METRICS
from pytest_modelbench.core.reasons import OutOfBudget
from pytest_modelbench.core.session import Check
from pytest_modelbench.core.verdicts import Judgement, Verdict
from pytest_modelbench.judge.state import TRANSITIONS, Event, Nothing, Pair, Round, State, advance, following
from pytest_modelbench.session.entries import CheckProgress

#: What a ruling can mean; the other events have other causes.
OF_RULINGS = (Event.UNDECIDED, Event.ESCALATED, Event.AWAY, Event.DECIDED)
#: Where checks begin: in a session of rounds, and in one that compares with code measured beside.
FIRST = (State.OPEN, State.PAIRED)


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("event", Event)
def test_every_event_leads_on_or_is_refused(state, event):
    if (state, event) in TRANSITIONS:
        assert advance(state, event) is TRANSITIONS[state, event]
        return
    with pytest.raises(ValueError, match=f"a check that is {state.value} cannot be {event.value}"):
        advance(state, event)


def reachable(*states):
    """Those states, and all that events lead to from them."""
    found = set(states)
    while more := {after for (before, _), after in TRANSITIONS.items() if before in found} - found:
        found |= more
    return found


def test_every_state_is_reached():
    assert reachable(State.OPEN) == set(State)


@pytest.mark.parametrize("state", State)
def test_every_check_can_be_settled(state):
    assert State.SETTLED in reachable(state)


@pytest.mark.parametrize("state", [state for state in State if state is not State.SETTLED])
def test_every_open_check_can_be_decided_or_given_up_at_once(state):
    assert advance(state, Event.DECIDED) is advance(state, Event.GIVEN_UP) is State.SETTLED


def test_what_is_settled_stays_so():
    assert reachable(State.SETTLED) == {State.SETTLED}
    assert {event for state, event in TRANSITIONS if state is State.SETTLED} == {Event.CONTRADICTED}


@given(st.sampled_from(FIRST), st.lists(st.sampled_from(Event)))
def test_no_check_goes_back(state, events):
    for event in events:
        if (state, event) in TRANSITIONS:
            before, state = state, advance(state, event)
            assert list(State).index(state) >= list(State).index(before)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (State.OPEN, Round()),
        (State.STORED, Round()),
        (State.PAIRED, Pair("abc")),
        (State.AFTER, Round()),
        (State.SETTLED, Nothing()),
    ],
)
def test_what_is_measured_next(state, expected):
    assert following(state, "abc") == expected


def test_pairs_beside_what_the_session_was_told_name_no_commit():
    assert following(State.PAIRED) == Pair()


# --- the state of one check in a session


def judged(verdict, metric="latency"):
    key = CheckKey("t", metric)
    return Check(key, METRICS[metric], NamedCase("c"), (), Judgement(verdict, 0.1), "folder")


@given(
    st.sampled_from(FIRST),
    st.lists(st.tuples(st.sampled_from(OF_RULINGS), st.sampled_from(Verdict), st.booleans())),
)
def test_no_verdict_on_a_noisy_check_is_taken_back(first, steps):
    standing = CheckProgress(first)
    for event, verdict, gives_up in steps:
        before, check = standing.state, standing.check
        if gives_up:
            standing.leave_open(OutOfBudget(60.0))
            assert standing.state is State.SETTLED
        elif (before, event) in TRANSITIONS:
            standing.take(judged(verdict), event)
            assert (standing.state, standing.check) == (TRANSITIONS[before, event], judged(verdict))
        else:
            with pytest.raises(ValueError, match="cannot be"):
                standing.take(judged(verdict), event)
            assert (standing.state, standing.check) == (before, check)
        if before is State.SETTLED:
            assert (standing.state, standing.check) == (State.SETTLED, check)


def test_an_exact_check_that_is_settled_can_be_contradicted():
    standing = CheckProgress(State.OPEN)
    standing.take(judged(Verdict.OK, "macs"), Event.DECIDED)
    standing.take(judged(Verdict.REGRESSED, "macs"), Event.DECIDED)
    assert (standing.state, standing.check) == (State.SETTLED, judged(Verdict.REGRESSED, "macs"))


def test_what_is_left_open_says_why():
    standing = CheckProgress(State.OPEN)
    standing.take(judged(Verdict.REGRESSED), Event.UNDECIDED)
    standing.leave_open(OutOfBudget(60.0))
    assert standing.check.judgement == Judgement(Verdict.INCONCLUSIVE, 0.1, reasons=(OutOfBudget(60.0),))
    unjudged = CheckProgress(State.OPEN)
    unjudged.leave_open(OutOfBudget(60.0))
    assert (unjudged.state, unjudged.check) == (State.SETTLED, None)
