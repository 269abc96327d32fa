"""What a baseline file may hold, and what is said of one that holds something else."""

from __future__ import annotations

import copy
import json
import math
import os
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_modelbench.core.errors import BaselineError
from pytest_modelbench.store.files import read_baseline_file
from pytest_modelbench.store.records import render_baseline_file
from pytest_modelbench.store.schema import BaselineFile, Entry, Origin, Processes

TEXT = """\
{"format": "pytest-modelbench baseline", "schema": 3,
 "environment": {"device": "Some CPU", "threads": 1},
 "records": [

{"session": "2026-11-22T15:04:05Z-abc1234567", "commit": "abc1234567890", "dirty": false, \
"provenance": {"torch": "2.15.0"}},

{"test": "test_a.py::test[\\u00fc]", "check": "latency", "case": "a-b1", "value": 0.11, "unit": "s", \
"better": "lower", "reference": "conv", "accepted": "2026-11-22T15:04:05Z-abc1234567", \
"sessions": {"2026-11-22T15:04:05Z-abc1234567": {"values": [0.1, 0.11, 0.13], "log_ratios": [3.0, 3.1, 3.2], \
"reference_s": [0.005, 0.005, 0.0053]}}},

{"test": "test_a.py::test[\\u00fc]", "check": "macs", "case": "a-b1", "value": 4089184256, "unit": "count", \
"better": "lower", "accepted": "2026-11-22T15:04:05Z-abc1234567", "replaces": ["2026-11-21T15:04:05Z-abc1234567"]},

null]}
"""
SESSION = "2026-11-22T15:04:05Z-abc1234567"
TEST = "test_a.py::test[ü]"
SESSIONS, LATENCY, MACS = 0, 1, 2


def changed(at: tuple[str | int, ...], value: object) -> str:
    """The good text with the item at the key path ``at`` set to ``value``, or deleted for ``...``."""
    content = copy.deepcopy(json.loads(TEXT))
    holder: Any = content
    for key in at[:-1]:
        holder = holder[key]
    if value is ...:
        del holder[at[-1]]
    else:
        holder[at[-1]] = value
    return json.dumps(content)


def fault(path: Path) -> str:
    with pytest.raises(BaselineError) as caught:
        read_baseline_file(path)
    return str(caught.value)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return Path("a.json")


def test_a_file_is_written_as_it_was_read_with_one_line_per_entry(path: Path) -> None:
    path.write_text(TEXT)
    file, schema = read_baseline_file(path)
    assert (render_baseline_file(file), schema) == (TEXT, 3)


@pytest.mark.parametrize(
    ("at", "value", "place", "what"),
    [
        ((MACS, "value"), "4", "value", "'4' is not a number"),
        ((MACS, "value"), True, "value", "True is not a number"),
        ((MACS, "value"), None, "value", "None is not a number"),
        ((MACS, "value"), -1, "value", "-1 is negative, and the unit is 'count'"),
        ((MACS, "value"), 2**63, "value", "9223372036854775808 is too large"),
        ((MACS, "value"), ..., "value", "is missing"),
        ((MACS, "extra"), 1, "extra", "is not a field that belongs here"),
        ((MACS, "unit"), "", "unit", "'' is not text, or empty"),
        ((MACS, "unit"), 3, "unit", "3 is not text, or empty"),
        ((MACS, "unit"), "bytes", None, None),
        ((MACS, "unit"), "fraction", "value", "4089184256 is not between 0 and 1, and the unit is 'fraction'"),
        ((MACS, "better"), "more", "better", "'more' cannot be used (Input should be 'lower', 'higher' or 'equal')"),
        ((MACS, "case"), 5, "case", "5 is not text, or empty"),
        ((MACS, "level"), 1.0, "level", "is not a field that belongs here"),
        ((MACS, "basis"), "meta", "basis", "is not a field that belongs here"),
        ((MACS, "observations"), "hits 4", "observations", "'' are no hexadecimal digits"),
        ((MACS, "observations"), "hits 1000000000000 0", "observations", "'1000000000000' is no number of samples"),
        ((MACS, "observations"), "scores 99999999 ff", "observations", "'99999999' is no number of samples"),
        ((MACS, "observations"), "guesses 4", "observations", "'guesses' is no kind of observations"),
        ((MACS, "unit"), "rms", "observations", "is missing, and of a value in 'rms' that is what is compared"),
        ((LATENCY, "value"), 0, "value", "0 is not a positive measurement in 's'"),
        ((LATENCY, "value"), -0.5, "value", "-0.5 is not a positive measurement in 's'"),
        ((LATENCY, "value"), 0.12, "value", "0.12 is not the median of its accepted session, which is 0.11"),
        ((LATENCY, "sessions"), {}, "accepted", f"'{SESSION}' is not among the sessions of this entry"),
        ((LATENCY, "sessions"), [], "sessions", "[] cannot be used (Input should be a valid dictionary)"),
        ((LATENCY, "sessions", SESSION, "log_ratios"), [1.0], f"sessions > {SESSION} > log_ratios",
         "1 log ratios do not go with 3 values"),
        ((LATENCY, "sessions", SESSION, "reference_s"), [1.0], f"sessions > {SESSION} > reference_s",
         "1 times do not go with 3 values"),
        ((LATENCY, "sessions", SESSION, "log_ratios", 1), 1e308, f"sessions > {SESSION} > log_ratios",
         "1e+308 is the log of no two times"),
        ((LATENCY, "sessions", SESSION, "reference_s", 2), 0, f"sessions > {SESSION} > reference_s",
         "0 is not positive"),
        ((LATENCY, "sessions", SESSION, "reference_s", 1), 0.5, "log_ratios",
         "the one in place 1, 3.1, is not that of 0.11 s beside 0.5 s: -1.514"),
        ((LATENCY, "sessions", SESSION, "log_ratios", 2), 1.5, "log_ratios",
         "the one in place 2, 1.5, is not that of 0.13 s beside 0.0053 s: 3.200"),
        ((LATENCY, "unit"), "images/s", "log_ratios",
         "the one in place 0, 3.0, is not that of 0.1 images/s beside 0.005 s: -7.601"),
        ((LATENCY, "sessions", SESSION, "reference_s"), ..., None, None),
        ((LATENCY, "sessions", SESSION, "values"), [], f"sessions > {SESSION} > values", "[] holds no process"),
        ((LATENCY, "sessions", SESSION, "values"), [1, 0, 1], f"sessions > {SESSION} > values", "0 is not positive"),
        ((LATENCY, "sessions", SESSION, "values", 1), "2", f"sessions > {SESSION} > values > 1",
         "'2' is not a number"),
        ((LATENCY, "accepted"), "never", "accepted", "'never' is not among the sessions of this entry"),
        ((MACS, "accepted"), "never", "", "session 'never' is not described"),
        ((MACS, "replaces"), "never", "replaces", "'never' cannot be used (Input should be a valid tuple)"),
        ((MACS, "replaces", 0), 3, "replaces > 0", "3 is not text, or empty"),
    ],
)  # fmt: skip
def test_a_flaw_in_an_entry_is_named_with_file_key_value_and_the_way_out(
    path: Path, at: tuple[Any, ...], value: object, place: str | None, what: str | None
) -> None:
    path.write_text(changed(("records", *at), value))
    if place is None:
        read_baseline_file(path)
        return
    where = " > ".join(filter(None, (TEST, "macs" if at[0] == MACS else "latency", place)))
    assert fault(path) == (
        f"a.json: {where}: {what}. Take the committed file back with `git checkout -- a.json`; `git log -- a.json` "
        "lists those before it"
    )


@pytest.mark.parametrize(
    ("unit", "value", "observations", "told"),
    [
        ("fraction", 0.75, "hits 4 e", ""),
        ("fraction", 0.5, "hits 4 e", "value: 0.5 is not what its observations amount to, which is 0.75"),
        ("fraction", 0.5, "scores 2 ff80", ""),
        ("rms", 1.5, "numbers 1.5 -2", ""),
        ("rms", 5000.0, "numbers 1.5 -2", "value: 5000.0 is not what its observations amount to, which is 1.5"),
        ("x", 3.0, "numbers 1.5 -2", ""),
    ],
)
def test_what_an_entry_says_twice_agrees(path: Path, unit: str, value: float, observations: str, told: str) -> None:
    content = json.loads(TEXT)
    content["records"][MACS] |= {"unit": unit, "value": value, "observations": observations}
    path.write_text(json.dumps(content))
    if told:
        assert told in fault(path)
    else:
        read_baseline_file(path)


@pytest.mark.parametrize("value", [{}, {"threads": 1}])
def test_an_environment_that_names_no_device_is_none(path: Path, value: object) -> None:
    path.write_text(changed(("environment",), value))
    assert "environment: does not name the device that the file's times were taken on" in fault(path)


@pytest.mark.parametrize("unit", ["s", "images/s"])
def test_nothing_measured_in_time_or_throughput_is_zero(path: Path, unit: str) -> None:
    content = json.loads(changed(("records", MACS, "unit"), unit))
    content["records"][MACS]["value"] = 0
    path.write_text(json.dumps(content))
    assert f"value: 0 is not a positive measurement in {unit!r}" in fault(path)


@pytest.mark.parametrize(
    ("unit", "value"), [("count", 0), ("bytes", 0), ("fraction", 0), ("fraction", 1.0), ("dB", -3.5)]
)
def test_zero_counts_full_fractions_and_negative_custom_values_are_fine(path: Path, unit: str, value: float) -> None:
    content = json.loads(changed(("records", MACS, "unit"), unit))
    content["records"][MACS]["value"] = value
    path.write_text(json.dumps(content))
    assert read_baseline_file(path)[0].entries["test_a.py::test[ü]"]["macs"].value == value


@pytest.mark.parametrize(
    ("at", "value", "message"),
    [
        (("format",), "pytest-modelbench results", "a.json: is not a pytest-modelbench baseline file: its format is"),
        (("format",), ..., "a.json: is not a pytest-modelbench baseline file: its format is None"),
        (("schema",), "1", "a.json: schema: '1' is not a schema number"),
        (("schema",), True, "a.json: schema: True is not a schema number"),
        (("schema",), 0, "a.json: schema: 0 is not a schema number"),
        (("schema",), 4, "a.json: schema: 4 is newer than 3, the newest that this version reads; upgrade "
         "pytest-modelbench: pip install --upgrade pytest-modelbench"),
        (("more",), {}, "a.json: more: is not a field that belongs here"),
        (("environment", "device"), ["x"], "a.json: environment > device: ['x'] is not text, a number, true, false"),
        (("records", SESSIONS, "dirty"), "no", f"a.json: session {SESSION} > dirty: 'no' cannot be used"),
        (("records", SESSIONS, "session"), " ", "a.json: records > 0 > session: ' ' is not text, or empty"),
        (("records",), {}, "a.json: records: {} cannot be used"),
        (("records",), ..., "a.json: records: is missing"),
        (("records", MACS), [1], "a.json: records > 2: [1] is no record of a check or of a session"),
        (("records", MACS), {}, "a.json: records > 2: {} is no record of a check or of a session"),
        (("records", MACS), None, "a.json: records > 2: None is no record of a check or of a session"),
        (("records", MACS, "check"), ..., "a.json: records > 2 > check: None is not text, or empty"),
        (("records", 3), ..., "a.json: records: the last record is not null, so the end of the file is missing"),
    ],
)  # fmt: skip
def test_a_flaw_in_the_file_is_named(path: Path, at: tuple[str, ...], value: object, message: str) -> None:
    path.write_text(changed(at, value))
    assert fault(path).startswith(message)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_number_that_is_not_finite_is_named_by_its_place(path: Path, number: str) -> None:
    path.write_text(TEXT.replace("[3.0, 3.1, 3.2]", f"[3.0, {number}, 3.2]"))
    where = f"{TEST} > latency > sessions > {SESSION} > log_ratios > 1"
    assert fault(path).startswith(f"a.json: {where}: {float(number)} is not a finite number. Take")


def test_a_duplicate_key_is_named_by_its_place(path: Path) -> None:
    path.write_text(TEXT.replace('"check": "macs"', '"test": "other"'))
    assert fault(path).startswith("a.json: records > 2 > test: this key stands twice")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "a.json: is empty. Take"),
        (b" \n ", "a.json: is empty. Take"),
        (b'{\n "format": "pyt', "a.json: is cut off: it ends at line 2, column 16, in the middle of a value. Take"),
        (b'{\n "format": "x",\n', "a.json: is cut off: it ends at line 2, column 16, in the middle of a value. Take"),
        (b'{"a": 1} }', "a.json: is not JSON at line 1, column 10: Extra data. Take"),
        (b"PK\x03\x04", "a.json: is not JSON at line 1, column 1: Expecting value. Take"),
        (b'{"a": "\xff"}', "a.json: is not UTF-8 text: byte 7 is 0xff. Take"),
        (b"[1, 2]", "a.json: is not a JSON object but [1, 2]. Take"),
        (b"[" * 100_000, "a.json: is nested too deeply. Take"),
        (b"1" * 5000, "a.json: holds a number that cannot be read: Exceeds the limit"),
        (
            b'{\n "a": 1,\n<<<<<<< HEAD\n "b": 2\n=======\n "b": 3\n>>>>>>> topic\n}',
            "a.json: line 3: an unresolved merge conflict begins here. `pytest-modelbench merge-conflict a.json` keeps "
            "the lines of both sides, and asks where they contradict",
        ),
    ],
    ids=[
        "nothing",
        "space",
        "in a key",
        "after a comma",
        "more",
        "not text",
        "latin-1",
        "list",
        "deep",
        "long",
        "merge",
    ],
)
def test_what_is_not_json_is_named(path: Path, data: bytes, message: str) -> None:
    path.write_bytes(data)
    assert fault(path).startswith(message)


@pytest.mark.slow
def test_every_cut_of_a_file_is_an_error(path: Path) -> None:
    for length in range(1, len(TEXT.rstrip())):
        path.write_text(TEXT[:length])
        assert "is cut off" in fault(path)


def test_a_directory_an_absent_and_an_unreadable_file_are_told_apart(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert fault(path) == "a.json: there is no such file; check the path"
    path.mkdir()
    assert fault(path) == "a.json: is a directory where a file should be; move it away"

    def refuse(_self: Path) -> bytes:
        raise PermissionError(13, os.strerror(13))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert fault(path) == "a.json: cannot be read: Permission denied; make it readable"


def test_a_file_name_is_quoted_in_the_command(tmp_path: Path) -> None:
    path = tmp_path / "my file.json"
    path.write_text("")
    assert f"`git checkout -- '{path}'`" in fault(path)


_junk_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["entries", "sessions", "value", "unit", "observations", "x"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)


@settings(max_examples=300)
@given(data=st.binary() | _junk_json.map(lambda value: json.dumps(value).encode()))
def test_junk_never_raises_anything_but_a_baseline_error(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "junk.json"
    path.write_bytes(data)
    with pytest.raises(BaselineError):
        read_baseline_file(path)


@pytest.mark.slow
@settings(max_examples=300)
@given(data=st.data())
def test_a_good_file_with_any_item_replaced_never_raises_anything_but_a_baseline_error(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    of_session = "records", SESSIONS, "commit"
    places = [("schema",), ("environment",), *(of_session[:n] for n in (1, 2, 3)), ("records", LATENCY)]
    places += [("records", LATENCY, field) for field in ("test", "check", *Entry.model_fields)]
    path = tmp_path_factory.getbasetemp() / "replaced.json"
    path.write_text(changed(data.draw(st.sampled_from(places)), data.draw(_junk_json)))
    try:
        read_baseline_file(path)
    except BaselineError as error:
        assert str(error).startswith(f"{path}: ")  # noqa: PT017 - it may also be fine


_number = st.floats(allow_nan=False, allow_infinity=False)
_positive = st.floats(min_value=0, exclude_min=True, max_value=1e300)
_name = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20).filter(str.strip)
_sessions = st.sampled_from(["2026-11-20T00:00:00Z-nogit", "2026-11-21T00:00:00Z-abc-dirty", "2026-11-22T00:00:00Z-x"])
_facts = st.dictionaries(_name, st.none() | st.booleans() | st.integers(-(10**9), 10**9) | _number | _name, max_size=3)
_better = st.sampled_from(["lower", "higher", "equal"])
_made_from = st.fixed_dictionaries({part: st.just("") | _name for part in ("data", "recipe", "reference")})


@st.composite
def _noisy(draw: st.DrawFn) -> Entry:
    accepted = draw(_sessions)
    sessions = {}
    for session in {accepted, *draw(st.lists(_sessions, max_size=3))}:
        size = draw(st.integers(1, 3))
        numbers: Callable[[Any], Any] = lambda each, n=size: tuple(draw(st.lists(each, min_size=n, max_size=n)))  # noqa: E731
        values = numbers(_positive)
        beside = numbers(_positive) if draw(st.booleans()) else ()
        logs = [math.log(value) - math.log(one) for value, one in zip(values, beside or (1.0,) * size, strict=True)]
        sessions[session] = Processes(values=values, log_ratios=tuple(logs), reference_s=beside)
    return Entry(
        case=draw(st.text(max_size=5)), value=median(sessions[accepted].values), unit="s", better=draw(_better),
        **draw(_made_from), accepted=accepted, sessions=sessions,
    )  # fmt: skip


_exact = st.builds(
    lambda made_from, **fields: Entry(**made_from, **fields), _made_from, case=st.text(max_size=5),
    value=st.integers(0, 2**62) | st.floats(0, 1e300), unit=st.just("count"), better=_better,
    observations=st.sampled_from(["", "hits 5 17", "numbers 1.25 -0.5"]), accepted=_sessions, sessions=st.none(),
)  # fmt: skip


@st.composite
def _files(draw: st.DrawFn) -> BaselineFile:
    entries = draw(
        st.dictionaries(_name, st.dictionaries(_name, _noisy() | _exact, min_size=1, max_size=2), max_size=3)
    )
    used = {session for found in entries.values() for entry in found.values() for session in entry.session_ids()}
    origin = Origin(commit=draw(st.none() | _name), dirty=draw(st.booleans()), provenance=draw(_facts))
    environment = draw(st.none() | _facts.map(lambda facts: {"device": "cpu", **facts}))
    return BaselineFile(environment, dict.fromkeys(used, origin), entries)


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.too_slow])
@given(file=_files())
def test_every_file_that_is_written_reads_back_the_same_with_one_line_per_entry(
    tmp_path_factory: pytest.TempPathFactory, file: BaselineFile
) -> None:
    path = tmp_path_factory.getbasetemp() / "written.json"
    text = render_baseline_file(file)
    path.write_text(text, encoding="ascii")
    again, _ = read_baseline_file(path)
    assert again == file
    assert render_baseline_file(again) == text
    # Also for tools to which U+2028 or a form feed ends a line.
    assert sum('"accepted":' in line and '"better":' in line for line in text.splitlines()) == sum(
        map(len, file.entries.values())
    )
    assert text.endswith("\nnull]}\n")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no such thing here")
def test_what_is_no_file_is_refused_and_not_waited_for(path: Path) -> None:
    os.mkfifo(path)
    assert fault(path) == "a.json: is neither a file nor a folder; move it away"
