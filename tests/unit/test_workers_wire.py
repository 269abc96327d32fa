"""Events and jobs on their way between processes: all of it arrives, however it is cut, or none is taken."""

import json
import math
import os
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_modelbench.core.blocks import Amount
from pytest_modelbench.core.case import Case, NamedCase
from pytest_modelbench.core.environment import Environment
from pytest_modelbench.core.errors import MeasureError
from pytest_modelbench.core.measurement import Comparability, Measurement, Quality, RelativeTime
from pytest_modelbench.core.metrics import METRICS
from pytest_modelbench.core.observations import hits, numbers, scores
from pytest_modelbench.workers.events import (
    Begin,
    Done,
    Finished,
    Hello,
    Noted,
    Ready,
    Recorded,
    Refused,
    Reported,
    Started,
    Taken,
    Unimportable,
    Warned,
)
from pytest_modelbench.workers.job import Code, Job, Site
from pytest_modelbench.workers.wire import Channel, Lines, decode, encode, job_line, read_job

TEXT = st.text(max_size=8)
COUNT = st.integers(0, 2**40)
NUMBER = st.floats(allow_nan=False, allow_infinity=False)
SECONDS = st.floats(min_value=1e-9, max_value=1e6)
FACT = st.none() | st.booleans() | COUNT | NUMBER | TEXT
FACTS = st.dictionaries(TEXT, FACT, max_size=3)
JSON = st.recursive(FACT, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3))

OBSERVATIONS = (
    st.lists(st.booleans(), min_size=1, max_size=9).map(hits)
    | st.lists(st.floats(0, 1), min_size=1, max_size=5).map(scores)
    | st.lists(NUMBER, min_size=1, max_size=4).map(numbers)
)
CASES = st.builds(NamedCase, TEXT) | st.builds(
    Case, TEXT, COUNT, st.tuples(COUNT, COUNT), precision=TEXT, task=TEXT, mode=TEXT, technique=TEXT, data=TEXT
)
TIMINGS = st.builds(
    RelativeTime,
    NUMBER,
    st.none() | SECONDS,
    st.none() | SECONDS,
    turn=st.none() | st.integers(0, 9),
    rate=st.booleans(),
)


#: With floats where they stand for floats: they come back as such.
KINDS = [replace(one, band=replace(one.band, absolute=float(one.band.absolute))) for one in METRICS.values()]


@st.composite
def measurements(draw):
    metric = draw(st.sampled_from(KINDS))
    return Measurement(
        draw(TEXT),
        metric,
        draw(CASES),
        draw(SECONDS if metric.noisy else NUMBER),
        draw(TIMINGS) if metric.noisy else None,
        tuple(draw(st.lists(NUMBER, max_size=3))),
        draw(st.builds(Comparability, TEXT, TEXT, TEXT)),
        draw(st.builds(Quality, TEXT, COUNT, COUNT)),
        draw(st.none() | OBSERVATIONS),
        draw(st.dictionaries(TEXT, st.none() | COUNT | NUMBER | TEXT, max_size=3)),
        draw(TEXT),
        draw(COUNT),
    )


EVENTS = st.one_of(
    st.builds(Hello, st.builds(Environment, TEXT, TEXT, TEXT, FACTS, FACTS)),
    st.builds(Unimportable, TEXT, TEXT),
    st.builds(Started, TEXT),
    st.builds(Recorded, measurements()),
    st.builds(Reported, TEXT, st.dictionaries(TEXT, JSON, max_size=3)),
    st.builds(Warned, TEXT, TEXT, TEXT, TEXT, TEXT, COUNT, st.none() | st.tuples(TEXT, COUNT, TEXT)),
    st.builds(Noted, TEXT, TEXT, TEXT),
    st.builds(Finished, TEXT, st.lists(TEXT, max_size=2).map(tuple)),
    st.builds(Begin, TEXT),
    st.builds(Ready, TEXT, COUNT, TEXT, st.builds(Amount, COUNT, COUNT, COUNT)),
    st.builds(Taken, TEXT, NUMBER, st.booleans()),
    st.builds(Refused, TEXT),
    st.builds(Done, TEXT, st.lists(TEXT, max_size=2).map(tuple)),
)


@settings(deadline=None)  # the first one makes the reader
@given(st.lists(EVENTS, max_size=4), st.lists(st.integers(1, 60)))
def test_every_event_arrives_as_it_was_sent_however_it_was_cut(events, cuts):
    data = b"".join(map(encode, events))
    lines, found, position = Lines(), [], 0
    for cut in [*cuts, len(data) + 1]:
        found += lines.feed(data[position : position + cut])
        position += cut
    assert found == events
    assert list(map(repr, found)) == list(map(repr, events))  # 1, 1.0 and True are equal, and not the same


def test_an_event_is_read_as_soon_as_its_line_is_complete():
    lines, data = Lines(), encode(Started("a"))
    assert list(lines.feed(data[:-1])) == []
    assert list(lines.feed(data[-1:] + data)) == [Started("a"), Started("a")]


def test_half_a_surrogate_pair_in_a_text_does_not_break_the_line():
    assert decode(encode(Started("t[\ud800]"))) == Started("t[\\ud800]")


MEASURED = json.loads(encode(Recorded(Measurement.of("latency", 0.1, NamedCase("net"), timing=RelativeTime(-1.0)))))


def changed(*path, to):
    """The line of a measurement with another value at ``path``."""
    content = json.loads(json.dumps(MEASURED))
    place = content
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = to
    return json.dumps(content).encode()


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"", "EOF"),
        (b"{half", "Invalid JSON"),
        (b"\xff", "Invalid JSON"),
        (b"[]", "should be an object"),
        (b"3", "should be an object"),
        (b"{}", "'kind'"),
        (b'{"kind": "gossip"}', "'gossip'"),
        (b'{"kind": "started"}', "started.test: Field required"),
        (b'{"kind": "started", "test": 3}', "started.test: Input should be a valid string"),
        (b'{"kind": "done", "more": 1}', "done.more: Unexpected keyword argument"),
        (b'{"kind": "taken", "test": "a", "log_s": NaN, "disturbed": false}', "taken.log_s"),
        (b'{"kind": "taken", "test": "a", "log_s": -Infinity, "disturbed": false}', "taken.log_s"),
        (b'{"kind": "taken", "test": "a", "log_s": 0.5, "disturbed": "no"}', "taken.disturbed"),
        (changed("measurement", "value", to=math.nan), "finite"),
        (changed("measurement", "timing", "log_ratio", to=math.inf), "finite"),
        (changed("measurement", "timing", to=None), "is not a positive measurement"),
        (changed("measurement", "value", to=-1.0), "is not a positive measurement"),
        (changed("measurement", "metric", "better", to="sideways"), "'lower', 'higher' or 'equal'"),
        (changed("measurement", "observations", to="hits 20 xyz"), "hexadecimal"),
        (changed("measurement", "case", to={"name": "net", "batch_size": 3}), "measurement.case"),
    ],
)
def test_what_is_no_event_is_refused_in_one_short_line(line, why):
    with pytest.raises(ValueError) as caught:
        list(Lines().feed(line + b"\n"))
    text = str(caught.value)
    assert why in text
    assert len(text) < 300
    assert "\n" not in text


@settings(deadline=None)
@given(st.binary(max_size=40).filter(lambda data: b"\n" not in data))
def test_garbage_is_refused(data):
    with pytest.raises(ValueError):
        decode(data)


def test_a_channel_writes_events_whole(tmp_path):
    path = tmp_path / "events"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
    channel = Channel(descriptor)
    channel.send(Started("a" * 100_000))
    channel.send(Done())
    os.close(descriptor)
    assert list(Lines().feed(path.read_bytes())) == [Started("a" * 100_000), Done()]


def test_a_job_survives_the_way_to_its_worker():
    job = Job(Code("c" * 40, "sub"), ["tést[é]"], 3, {"a": [1, None]}, {"threads": 1}, 0.25, True)
    site = Site(["-p", "x"], ["/lib"], True, "/home", "/own", "/other", ["pkg"], argv=["pytest"])
    line = job_line(job, site)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert read_job(line) == (job, site)


def test_a_job_of_a_round_says_little_and_survives_as_well():
    job, site = Job(Code(), ["t"], 1), Site([], [], packages=[], argv=[])
    assert read_job(job_line(job, site)) == (job, site)


def test_what_came_before_something_that_cannot_be_read_counts():
    events = Lines().feed(encode(Started("a")) + b"garbage\n" + encode(Started("b")))
    assert next(events) == Started("a")
    with pytest.raises(ValueError, match="garbage"):
        next(events)


def test_a_process_that_was_forked_sends_nothing(monkeypatch, tmp_path):
    with open(tmp_path / "events", "wb") as file:
        channel = Channel(file.fileno())
        monkeypatch.setattr(os, "getpid", lambda: -1)
        with pytest.raises(MeasureError, match="a process that a test has forked records nothing"):
            channel.send(Started("a"))
    assert (tmp_path / "events").read_bytes() == b""
