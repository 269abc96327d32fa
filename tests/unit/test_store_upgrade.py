"""Baselines of schema 1: a real file, and one of every kind of entry that there was, read and converted."""

from __future__ import annotations

import copy
import json
import math
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_modelbench.cli import main
from pytest_modelbench.core.errors import BaselineError
from pytest_modelbench.core.measurement import CheckKey, Comparability
from pytest_modelbench.core.verdicts import BaselineView
from pytest_modelbench.store.baselines import BaselineStore
from pytest_modelbench.store.files import read_baseline_file
from tests.unit.store_checks import ENVIRONMENT, as_schema_2, latency, macs, stamp

FORMER = Path(__file__).parent / "schema_1"
#: ``portable`` as it was committed; the other one was written by hand.
FILES = {"portable": FORMER / "samples.json", "cpu-some": FORMER / "train_step.json"}
TEST = "test_train_step.py::test_it"
REFERENCE = Comparability(reference="conv3x3-64x112x112-fp32-v1")
Key = tuple[str | int, ...]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BaselineStore:
    monkeypatch.chdir(tmp_path)
    for folder, path in FILES.items():
        Path("baselines", folder).mkdir(parents=True)
        shutil.copy(path, Path("baselines", folder))
    return BaselineStore(Path("baselines"))


def views(store: BaselineStore) -> dict[tuple[str, CheckKey], BaselineView | None]:
    """What a session that starts now finds."""
    fresh = BaselineStore(store.folder)
    return {(folder, key): fresh.find(folder, key) for folder in fresh.folders() for key in fresh.keys(folder)}


def test_a_committed_file_reads_as_it_did(store: BaselineStore) -> None:
    content = json.loads(FILES["portable"].read_text())
    found = {key: view for (folder, key), view in views(store).items() if folder == "portable"}
    assert {key.test for key in found} == content["entries"].keys()
    for key, view in found.items():
        stored = content["entries"][key.test][key.name]
        origin = content["sessions"][stored["accepted"]]
        assert view is not None
        assert view.comparability == Comparability(data=stored["basis"])
        assert (view.observations.text() if view.observations else "") == stored.get("evidence", "")
        assert (view.case, view.value, view.unit, view.better.value, view.accepted) == (
            stored["case"], stored["value"], stored["unit"], stored["better"], stored["accepted"],
        )  # fmt: skip
        assert (view.provenance, view.commit) == (origin["provenance"], None if origin["dirty"] else origin["commit"])
        assert (view.anchor, view.sessions, view.identity, view.reference_log_s) == ((), (), None, None)


@pytest.mark.parametrize(
    ("name", "comparability"),
    [
        ("train_step", REFERENCE),
        ("train_throughput", REFERENCE),
        ("peak_live_memory", Comparability(recipe="meta")),
        ("peak_allocated_memory", Comparability()),
        ("joules", Comparability()),
        ("final_accuracy", Comparability("tones 0123 4567", "lr=0.1 epochs=10 seed=0")),
        ("time_to_target", Comparability("tones 0123 4567", "lr=0.1 epochs=10 seed=0 target=0.9")),
    ],
)
def test_what_a_value_was_made_from_is_told_apart(
    store: BaselineStore, name: str, comparability: Comparability
) -> None:
    view = store.find("cpu-some", CheckKey(TEST, name))
    assert view is not None
    assert view.comparability == comparability


def test_the_time_of_the_reference_is_recovered_from_value_and_level(store: BaselineStore) -> None:
    view = store.find("cpu-some", CheckKey(TEST, "train_step"))
    assert view is not None
    assert view.anchor == (3.91202301, 3.60843536, 4.31900914)
    assert view.sessions == ((3.95124372,),)
    # It took 2.00, 2.71 and 2.00 ms.
    expected = (math.log(0.1) + math.log(0.1) + math.log(0.15) - 3.91202301 - 3.60843536 - 4.31900914) / 3
    assert view.reference_log_s == pytest.approx(expected, rel=1e-9)
    assert (view.value, view.identity, view.commit) == (0.1, {"device": "Some CPU", "threads": 1}, "abc1234567890")


def test_of_a_rate_it_is_the_same_time(store: BaselineStore) -> None:
    view = store.find("cpu-some", CheckKey(TEST, "train_throughput"))
    assert view is not None
    assert view.reference_log_s == pytest.approx(math.log(0.002))


@pytest.mark.parametrize("name", ["time_to_target", "joules"])
def test_where_no_reference_was_timed_there_is_no_time_of_it(store: BaselineStore, name: str) -> None:
    view = store.find("cpu-some", CheckKey(TEST, name))
    assert view is not None
    assert len(view.anchor) == 1
    assert view.reference_log_s is None


def test_convert_writes_them_anew_and_then_has_nothing_to_do(
    store: BaselineStore, capsys: pytest.CaptureFixture[str]
) -> None:
    before = views(store)
    assert main(["convert"]) == 0
    assert capsys.readouterr().out == (
        "converted baselines/portable/samples.json\nconverted baselines/cpu-some/train_step.json\n"
        "wrote baselines/.gitattributes, by which git merges what two branches accepted; commit it with the baselines\n"
    )
    written = {path: path.read_text() for path in Path("baselines").rglob("*.json")}
    assert all('"schema": 3,\n' in text for text in written.values())
    assert not any(name in text for text in written.values() for name in ('"level', '"basis"', '"evidence"'))
    assert views(store) == before
    assert len(before) == 19
    assert main(["convert"]) == 0
    assert capsys.readouterr().out == "nothing to convert\n"
    assert {path: path.read_text() for path in Path("baselines").rglob("*.json")} == written


def test_a_file_of_schema_2_reads_as_what_it_was_written_from_and_is_converted_to_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store = BaselineStore(Path("baselines"))
    store.accept([macs(5), latency([0.1, 0.2], [3.0, 3.1])], stamp(1), ENVIRONMENT)
    before, texts = views(store), {path: path.read_text() for path in Path("baselines").rglob("*.json")}
    for path in texts:
        path.write_text(as_schema_2(path))
    store = BaselineStore(store.folder)
    assert views(store) == before
    for folder in store.folders():
        store.load(folder)
    assert store.outdated() == sorted(texts)
    assert main(["convert"]) == 0
    assert {path: path.read_text() for path in texts} == texts


def test_what_is_read_of_an_older_form_is_listed_until_it_is_written(store: BaselineStore) -> None:
    assert store.outdated() == []  # nothing is read yet
    for folder in store.folders():
        store.load(folder)
    assert store.outdated() == [Path("baselines/cpu-some/train_step.json"), Path("baselines/portable/samples.json")]
    store.accept([macs(5, test="tests/test_samples.py::test")], stamp(23), ENVIRONMENT)
    assert store.outdated() == [Path("baselines/cpu-some/train_step.json")]
    assert '"schema": 3' in Path("baselines/portable/samples.json").read_text()


def test_a_damaged_file_is_not_converted_and_named(store: BaselineStore, capsys: pytest.CaptureFixture[str]) -> None:
    path = Path("baselines/cpu-some/train_step.json")
    damaged = path.read_text().replace('"levels": [2.99573227]', '"levels": []')
    path.write_text(damaged)
    assert main(["convert"]) == 4
    error = capsys.readouterr().err
    assert error.startswith(f"pytest-modelbench: {path}: entries > {TEST} > time_to_target > sessions > ")
    assert "0 log ratios do not go with 1 values. Take the committed file back with" in error
    assert path.read_text() == damaged


@pytest.mark.parametrize(
    ("at", "value", "what"),
    [
        (("time_to_target", "sessions"), ..., "level: is not a field that belongs here"),
        (("peak_live_memory", "basis"), 5, "basis: is not a field that belongs here"),
        (("final_accuracy", "evidence"), "hits 4 77", "observations: 2 digits do not hold 4 samples"),
        (("final_accuracy", "value"), 75, "value: 75 is not between 0 and 1, and the unit is 'fraction'"),
        (("train_step", "value"), 0.12, "value: 0.12 is not the median of its accepted session, which is 0.1"),
        (("train_step", "accepted"), "never", "accepted: 'never' is not among the sessions of this entry"),
        (("joules", "sessions", "2026-11-20T08:00:00Z-abc1234567", "values", 0), 10**400,
         "sessions > 2026-11-20T08:00:00Z-abc1234567 > values > 0: 1000"),
        (("peak_live_memory", "more"), 1, "more: is not a field that belongs here"),
    ],
)  # fmt: skip
def test_a_flaw_is_named_by_file_and_key(tmp_path: Path, at: Key, value: object, what: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(mutated(("entries", TEST, *at), value))
    with pytest.raises(BaselineError) as caught:
        read_baseline_file(path)
    assert str(caught.value).startswith(f"{path}: entries > {TEST} > {at[0]} > {what}")


def mutated(at: Key, value: object) -> str:
    """The file of every kind of entry with the item at the key path ``at`` set to ``value``, or deleted for ``...``."""
    content = copy.deepcopy(CONTENT)
    holder: Any = content
    for key in at[:-1]:
        holder = holder[key]
    if value is ...:
        del holder[at[-1]]
    else:
        holder[at[-1]] = value
    return json.dumps(content)


def places(content: Any, at: Key = ()) -> Iterator[Key]:
    """Key paths of everything in ``content``."""
    items = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in items:
        yield (*at, key)
        yield from places(value, (*at, key))


CONTENT = json.loads(FILES["cpu-some"].read_text())
PLACES = list(places(CONTENT))
_scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just(10**400)
_names = st.sampled_from(["entries", "sessions", "values", "levels", "level", "basis", "evidence", "better", "x"])
_junk = st.recursive(
    _scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_names, inner, max_size=3), max_leaves=6
)


@pytest.mark.slow
@settings(max_examples=400)
@given(at=st.sampled_from(PLACES), value=_junk | st.just(...))
def test_a_good_file_with_any_item_replaced_or_gone_never_raises_anything_but_a_baseline_error(
    tmp_path_factory: pytest.TempPathFactory, at: Key, value: object
) -> None:
    path = tmp_path_factory.getbasetemp() / "mutated.json"
    path.write_text(mutated(at, value))
    try:
        read_baseline_file(path)
    except BaselineError as error:
        assert str(error).startswith(f"{path}: ")  # noqa: PT017 - it may also be fine
