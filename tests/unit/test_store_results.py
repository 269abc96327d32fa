"""Results files: a whole session, there and back."""

from __future__ import annotations

import json
from dataclasses import is_dataclass, replace
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_modelbench.core.bands import Band
from pytest_modelbench.core.breakdown import Breakdown
from pytest_modelbench.core.case import Case, NamedCase
from pytest_modelbench.core.environment import Difference, Environment
from pytest_modelbench.core.errors import BaselineError
from pytest_modelbench.core.measurement import CheckKey, Comparability, Measurement, Quality, RelativeTime
from pytest_modelbench.core.metrics import METRICS, Better, Metric, Scope
from pytest_modelbench.core.observations import hits, numbers, scores
from pytest_modelbench.core.reasons import Reason
from pytest_modelbench.core.session import Absence, Absent, Check, Elsewhere, Outcome, Session, Stamp, TestResult
from pytest_modelbench.core.trail import Step, Trail
from pytest_modelbench.core.verdicts import BaselineView, Judgement, Verdict
from pytest_modelbench.store.results import read_results, write_results
from tests.unit.report_sessions import RENAMED
from tests.unit.store_checks import INFERENCE, exact, latency, macs, session

_text = st.text(max_size=8)
_number = st.floats(allow_nan=False, allow_infinity=False)
_maybe = st.none() | _number
_short = st.floats(-1e9, 1e9).map(lambda number: float(f"{number:.5g}"))
_facts = st.dictionaries(_text, st.none() | st.booleans() | st.integers(-(2**60), 2**60) | _number | _text, max_size=3)
_key = st.builds(CheckKey, _text, _text)
_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | _number | _text,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(_text, inner, max_size=2),
    max_leaves=4,
)
_case = st.builds(NamedCase, _text) | st.builds(
    Case, _text, st.integers(1, 99), st.tuples(st.integers(1, 99), st.integers(1, 99)), _text, _text, _text, _text,
    _text,
)  # fmt: skip
_metric = st.builds(
    Metric, _text, _text, st.sampled_from(Better), st.sampled_from(Scope),
    st.builds(Band, _number, _number, _text, st.booleans()),
)  # fmt: skip
_comparability = st.builds(Comparability, _text, _text, _text)
_breakdown = st.none() | st.builds(
    Breakdown.of, st.dictionaries(st.tuples(_text, _text), st.integers(1, 2**60), max_size=3)
)
_trail = st.none() | st.builds(
    Trail, st.lists(st.builds(Step, _text, _short, st.tuples(_short)), max_size=3).map(tuple)
)
_observations = st.none() | (
    st.lists(st.booleans(), min_size=1, max_size=9).map(hits)
    | st.lists(st.floats(0, 1), min_size=1, max_size=3).map(scores)
    | st.lists(_number, min_size=1, max_size=3).map(numbers)
)
_measurement = st.builds(
    Measurement, _text, _metric, _case, _number | st.integers(-(2**53), 2**53),
    st.none() | st.builds(RelativeTime, _number, _maybe, _maybe, st.none() | st.integers(0, 99), st.booleans()),
    st.lists(_number, max_size=3).map(tuple), _comparability,
    st.builds(Quality, _text, st.integers(0, 99), st.integers(0, 99)), _observations,
    st.dictionaries(_text, st.none() | st.integers(-(2**60), 2**60) | _number | _text, max_size=2), _text,
    st.integers(0, 99), breakdown=_breakdown, trail=_trail,
)  # fmt: skip
_numbers = st.lists(_number, max_size=2).map(tuple)
_view = st.builds(
    BaselineView, _text, _text, st.sampled_from(Better), _number, _comparability, _numbers,
    st.lists(_numbers, max_size=2).map(tuple), st.none() | _facts, st.none() | _facts, _text, _maybe,
    st.none() | _text, _observations, _breakdown, _trail,
)  # fmt: skip


def _anything(hint: Any) -> st.SearchStrategy[Any]:
    """Whatever ``hint`` allows, numbers finite: a dataclass with such fields, a union, a tuple of any length."""
    if is_dataclass(hint):
        return st.builds(hint, **{name: _anything(one) for name, one in get_type_hints(hint).items()})
    if get_origin(hint) is Literal:
        return st.sampled_from(get_args(hint))
    if get_origin(hint) is tuple:
        return st.lists(_anything(get_args(hint)[0]), max_size=2).map(tuple)
    if get_origin(hint) in (Union, UnionType):
        return st.one_of([_anything(one) for one in get_args(hint)])
    plain = {float: _number, int: st.integers(-(2**60), 2**60), str: _text, bool: st.booleans(), NoneType: st.none()}
    return plain[hint]


_reasons = st.lists(_anything(Reason), max_size=2).map(tuple)
_judgement = st.builds(
    Judgement, st.sampled_from(Verdict), _number, _maybe, _maybe, _maybe, _maybe, _reasons, st.integers(0, 99),
    st.integers(0, 99), st.integers(0, 99), st.none() | st.integers(0, 99), _maybe,
)  # fmt: skip
_check = st.builds(
    Check, _key, _metric, _case, st.lists(_measurement, max_size=2).map(tuple), _judgement, _text, st.none() | _view,
    _text,
)  # fmt: skip
_session = st.builds(
    Session,
    stamp=st.builds(Stamp, _text, st.none() | _text, st.booleans()),
    environments=st.lists(st.builds(Environment, _text, _text, _text, _facts, _facts), max_size=2).map(tuple),
    checks=st.lists(_check, max_size=2).map(tuple),
    tests=st.lists(
        st.builds(TestResult, _text, st.sampled_from(Outcome), _number, _text, st.booleans()), max_size=2
    ).map(tuple),
    duration_s=_number,
    processes=st.integers(0, 99),
    interrupted=st.booleans(),
    updating=st.booleans(),
    ungated=st.dictionaries(_text, st.integers(0, 99), max_size=2),
    elsewhere=st.dictionaries(
        _text,
        st.lists(st.builds(Elsewhere, _text, st.tuples(_anything(Difference))), max_size=2).map(tuple),
        max_size=2,
    ),
    against=_text,
    absent=st.lists(st.builds(Absent, _key, st.sampled_from(Absence)), max_size=2).map(tuple),
    warnings=st.lists(_text, max_size=2).map(tuple),
)


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.too_slow])
@given(value=_session)
def test_every_session_reads_back_exactly(tmp_path_factory: pytest.TempPathFactory, value: Session) -> None:
    path = tmp_path_factory.getbasetemp() / "results.json"
    write_results(path, value)
    assert read_results(path) == value


def test_what_may_have_been_renamed_reads_back_exactly(tmp_path: Path) -> None:
    write_results(tmp_path / "results.json", RENAMED)
    assert read_results(tmp_path / "results.json") == RENAMED


def test_a_results_file_has_a_line_per_check_and_per_test(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    write_results(path, session(macs(5), latency([0.1], [3.0])))
    lines = path.read_text().splitlines()
    assert lines[:4] == ["{", ' "format": "pytest-modelbench results",', ' "schema": 2,', ' "session": {']
    assert sum('"key":' in line for line in lines) == 2
    assert [line for line in lines if '"outcome"' in line] == [
        f'   {{"test": "{INFERENCE}", "outcome": "passed", "duration_s": 1.0, "message": "", "by_verdict": false, '
        '"idle": []}'
    ]


def test_text_that_is_no_text_is_written_as_an_escape(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    write_results(path, replace(session(), warnings=("caf\udce9 ü 推",)))
    assert read_results(path).warnings == ("caf\\udce9 ü 推",)


@pytest.mark.parametrize(
    ("figures", "what"),
    [({"x": float("nan")}, "Out of range float values"), ({"x": {1, 2}}, "Object of type set is not JSON")],
)
def test_what_json_cannot_hold_is_refused_and_nothing_is_written(
    tmp_path: Path, figures: dict[str, Any], what: str
) -> None:
    path = tmp_path / "results.json"
    with pytest.raises(BaselineError, match=f"^{path}: not written: checks cannot be kept as JSON: {what}"):
        write_results(path, session(latency([0.1], [3.0], figures=figures)))
    assert list(tmp_path.iterdir()) == []


def edited(path: Path, *at: str | int, value: object) -> str:
    """The message about the results file whose item at the key path ``at`` is set to ``value``, or deleted for ..."""
    content = json.loads(path.read_text())
    holder = content
    for key in at[:-1]:
        holder = holder[key]
    if value is ...:
        del holder[at[-1]]
    else:
        holder[at[-1]] = value
    path.write_text(json.dumps(content))
    with pytest.raises(BaselineError) as caught:
        read_results(path)
    return str(caught.value)


@pytest.mark.parametrize(
    ("at", "value", "message"),
    [
        (("schema",), 3, "schema: 3 is newer than 2, the newest that this version reads; upgrade pytest-modelbench"),
        (("format",), "pytest-modelbench baseline", "is not a pytest-modelbench results file: its format is"),
        (("extra",), 1, "extra: is not a field that belongs here. Write it again"),
        (("session", "extra"), 1, "session > extra: is not a field that belongs here. Write it again"),
        (("session", "stamp"), ..., "session > stamp: is missing. Write it again"),
        (("session", "stamp", "dirty"), "no", "session > stamp > dirty: 'no' cannot be used (Input should be a valid"),
        (("session", "checks", 0, "judgement", "verdict"), "fine",
         "session > checks > 0 > judgement > verdict: 'fine' cannot be used (Input should be 'ok', 'regressed'"),
        (("session", "checks", 0, "judgement", "value"), "5",
         "session > checks > 0 > judgement > value: '5' cannot be used (Input should be a valid number)"),
        (("session", "checks", 0, "measurements", 0, "value"), float("inf"),
         "session > checks > 0 > measurements > 0 > value: inf is not a finite number. Write it again"),
        (("session", "checks", 0, "measurements", 0, "value"), -0.1, "latency of resnet50-b1: -0.1 is not a positive"),
        (("schema",), 1, "schema 1 is one of earlier versions, which alone can read it. Write it again"),
        (("session", "tests", 0, "outcome"), "error",
         "session > tests > 0 > outcome: 'error' cannot be used (Input should be 'passed', 'failed', 'skipped'"),
        (("session", "checks", 0, "measurements", 0, "metric", "band", "relative"), None,
         "session > checks > 0 > measurements > 0 > metric > band > relative: None cannot be used"),
    ],
)  # fmt: skip
def test_a_flaw_is_named_by_file_and_key(
    tmp_path: Path, at: tuple[str | int, ...], value: object, message: str
) -> None:
    path = tmp_path / "results.json"
    write_results(path, session(latency([0.1], [3.0])))
    assert edited(path, *at, value=value).startswith(f"{path}: {message}")


def test_the_way_out_of_a_broken_results_file_is_to_write_it_again(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text("{")
    with pytest.raises(BaselineError) as caught:
        read_results(path)
    assert str(caught.value) == (
        f"{path}: is cut off: it ends at line 1, column 2, in the middle of a value. "
        f"Write it again with `pytest --modelbench --modelbench-json {path}`"
    )


@settings(max_examples=200)
@given(data=st.binary() | _json.map(lambda value: json.dumps(value).encode()))
def test_junk_never_raises_anything_but_a_baseline_error(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "junk.json"
    path.write_bytes(data)
    with pytest.raises(BaselineError):
        read_results(path)


@pytest.mark.slow
@settings(max_examples=200)
@given(
    field=st.sampled_from([("session",), *(("session", name) for name in Session.__dataclass_fields__)]),
    junk=_json | st.just(10**400) | st.just("\udc80"),
)
def test_a_good_file_with_any_field_replaced_never_raises_anything_but_a_baseline_error(
    tmp_path_factory: pytest.TempPathFactory, field: tuple[str, ...], junk: object
) -> None:
    path = tmp_path_factory.getbasetemp() / "replaced.json"
    write_results(path, session(exact(METRICS["top1"], 0.5)))
    content = json.loads(path.read_text())
    (content if len(field) == 1 else content["session"])[field[-1]] = junk
    path.write_text(json.dumps(content))
    try:
        read_results(path)
    except BaselineError as error:
        assert str(error).startswith(f"{path}: ")  # noqa: PT017 - it may also be fine
