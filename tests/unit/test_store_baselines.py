"""Finding, accepting and pruning baselines."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_modelbench.core.errors import BaselineError
from pytest_modelbench.core.measurement import CheckKey, Comparability
from pytest_modelbench.core.metrics import METRICS, Better, Metric, Scope
from pytest_modelbench.core.session import Check
from pytest_modelbench.core.verdicts import BaselineView, Verdict
from pytest_modelbench.judge.judging import judge
from pytest_modelbench.judge.procedure import Compared, Procedure
from pytest_modelbench.store import folders
from pytest_modelbench.store.baselines import BaselineStore
from pytest_modelbench.store.draft import Draft
from pytest_modelbench.store.files import read_baseline_file
from pytest_modelbench.store.schema import Origin
from tests.unit.store_checks import ENVIRONMENT, INFERENCE, exact, latency, macs, stamp

DEVICE = ENVIRONMENT.slug
MACS, LATENCY = CheckKey(INFERENCE, "macs"), CheckKey(INFERENCE, "latency")
FIRST = stamp(1).id


@pytest.fixture
def store(tmp_path: Path) -> BaselineStore:
    return BaselineStore(tmp_path / "baselines")


def accept(store: BaselineStore, *checks: Check, day: int) -> list[str]:
    return [change.kind.value for change in store.accept(checks, stamp(day), ENVIRONMENT)]


def stored(store: BaselineStore, folder: str, key: CheckKey) -> BaselineView:
    """What a session that starts now finds."""
    view = BaselineStore(store.folder).find(folder, key)
    assert view is not None
    return view


def file(store: BaselineStore, folder: str = DEVICE) -> Path:
    return store.folder / folder / "inference.json"


def test_new_checks_go_to_the_folder_of_their_scope_and_the_file_of_their_module(store: BaselineStore) -> None:
    changes = store.accept([macs(4089184256), latency([0.3, 0.1, 0.11], [3.5, 3.1, 3.0])], stamp(1), ENVIRONMENT)
    assert [(c.key, c.folder, c.file, c.kind.value, c.old, c.new, c.unit) for c in changes] == [
        (MACS, "portable", str(file(store, "portable")), "new", None, 4089184256, "count"),
        (LATENCY, DEVICE, str(file(store)), "new", None, 0.11, "s"),
    ]
    assert stored(store, "portable", MACS) == BaselineView(
        "resnet50-b1",
        "count",
        Better.LOWER,
        4089184256,
        provenance={"torch": "2.15.0", "cuda": None},
        accepted=FIRST,
        commit="abc1234567890",
    )
    # The value is the median.
    assert stored(store, DEVICE, LATENCY) == BaselineView(
        "resnet50-b1", "s", Better.LOWER, 0.11, Comparability(reference="conv"), (3.5, 3.1, 3.0), (),
        {"device": "Some CPU", "threads": 1, "tf32": False}, {"torch": "2.15.0", "cuda": None}, FIRST,
        # How fast the machine was: the mean over the processes.
        reference_log_s=pytest.approx((math.log(0.3) + math.log(0.1) + math.log(0.11) - 9.6) / 3),
        commit="abc1234567890",
    )  # fmt: skip
    assert store.find(DEVICE, LATENCY) == stored(store, DEVICE, LATENCY)


def test_the_text_of_a_new_file(store: BaselineStore) -> None:
    accept(store, macs(4089184256), day=1)
    assert file(store, "portable").read_text() == (
        '{"format": "pytest-modelbench baseline", "schema": 3,\n "records": [\n\n'
        '{"session": "2026-11-01T15:04:05Z-abc1234567", "commit": "abc1234567890", "dirty": false, '
        '"provenance": {"cuda": null, "torch": "2.15.0"}},\n\n'
        '{"test": "tests/benchmarks/test_inference.py::test_inference[resnet50]", "check": "macs", '
        '"case": "resnet50-b1", "value": 4089184256, "unit": "count", "better": "lower", '
        '"accepted": "2026-11-01T15:04:05Z-abc1234567"},\n\nnull]}\n'
    )


def test_a_session_stands_before_the_first_entry_that_refers_to_it(store: BaselineStore) -> None:
    accept(store, *(macs(n, test=f"test_inference.py::{name}") for n, name in enumerate("abc", 1)), day=1)
    accept(store, macs(20, Verdict.REGRESSED, test="test_inference.py::b"), macs(4, test="test_inference.py::d"), day=2)
    records = [one for one in json.loads(file(store, "portable").read_text())["records"] if one]
    assert [one.get("session") or one["test"][-1] for one in records] == [FIRST, "a", stamp(2).id, "b", "c", "d"]
    assert records[3]["replaces"] == [FIRST]


def test_git_is_told_how_to_merge_a_folder_that_is_made_and_no_other(store: BaselineStore) -> None:
    accept(store, macs(1), day=1)
    attributes = store.folder / ".gitattributes"
    assert store.attributes == attributes
    assert "\n*.json merge=union\n" in attributes.read_text()
    attributes.unlink()
    again = BaselineStore(store.folder)
    accept(again, macs(2, Verdict.REGRESSED), day=2)
    assert (again.attributes, attributes.exists()) == (None, False)


def test_accepting_one_more_check_copies_nothing_of_the_others(store: BaselineStore) -> None:
    """Else a file of 10,000 takes a minute."""
    draft, origin = Draft(store.folder / "portable"), Origin(commit=None, dirty=False, provenance={})
    draft.accept(macs(1), FIRST, origin, None)
    file = draft.folder.files[store.folder / "portable" / "inference.json"]
    held = file, file.entries, file.sessions
    draft.accept(macs(2, test="test_inference.py::other"), FIRST, origin, None)
    after = draft.folder.files[store.folder / "portable" / "inference.json"]
    assert all(now is then for now, then in zip((after, after.entries, after.sessions), held, strict=True))
    assert len(after.entries) == 2


def test_noisy_numbers_are_rounded_and_exact_ones_are_not(store: BaselineStore) -> None:
    accept(store, exact(METRICS["top1"], 11 / 15), latency([1 / 3], [2 / 3]), day=1)
    assert stored(store, "portable", CheckKey(INFERENCE, "top1")).value == 11 / 15
    view = stored(store, DEVICE, LATENCY)
    assert (view.value, view.anchor, view.sessions) == (0.333333333, (0.666666667,), ())


@given(value=st.floats(0, 1))
def test_an_accepted_exact_value_is_ok_when_it_is_measured_again(
    tmp_path_factory: pytest.TempPathFactory, value: float
) -> None:
    check = exact(METRICS["top1"], value)
    store = BaselineStore(tmp_path_factory.mktemp("baselines"))
    accept(store, check, day=1)
    view = stored(store, "portable", check.key)
    assert judge(Compared(check.measurements, view), Procedure()).judgement.verdict is Verdict.OK


def test_integers_that_came_through_a_results_file_are_written_as_integers(store: BaselineStore) -> None:
    accept(store, macs(12.0), day=1)
    assert '"value": 12,' in file(store, "portable").read_text()


@pytest.mark.parametrize("verdict", [Verdict.NEW, Verdict.REGRESSED, Verdict.IMPROVED, Verdict.INCOMPARABLE])
def test_what_changed_is_re_anchored_and_noisy_entries_start_again(store: BaselineStore, verdict: Verdict) -> None:
    accept(store, macs(10), latency([0.1, 0.1], [3.0, 3.1]), day=1)
    changes = store.accept([macs(12, verdict), latency([0.2], [3.7], verdict, reference="gemm")], stamp(2), ENVIRONMENT)
    assert [(c.kind.value, c.old, c.new) for c in changes] == [("replaced", 10, 12), ("replaced", 0.1, 0.2)]
    view = stored(store, DEVICE, LATENCY)
    assert (view.value, view.anchor, view.sessions) == (0.2, (3.7,), ())
    assert view.comparability == Comparability(reference="gemm")
    assert (view.accepted, stored(store, "portable", MACS).value) == (stamp(2).id, 12)
    assert f'"session": "{FIRST}"' not in file(store).read_text()  # no entry refers to it any more


@pytest.mark.parametrize("verdict", [Verdict.OK, Verdict.INCONCLUSIVE])
def test_what_did_not_change_keeps_its_anchor_and_learns_the_session(store: BaselineStore, verdict: Verdict) -> None:
    accept(store, macs(10), latency([0.1, 0.1], [3.0, 3.1]), day=1)
    before = file(store, "portable").stat()
    changes = store.accept([macs(10.0, verdict), latency([0.102], [3.02], verdict)], stamp(2), ENVIRONMENT)
    assert [(c.kind.value, c.old, c.new) for c in changes] == [
        ("unchanged", 10, 10),
        ("kept (session added)", 0.1, 0.1),
    ]
    view = stored(store, DEVICE, LATENCY)
    assert (view.value, view.accepted) == (0.1, FIRST)
    assert (view.anchor, view.sessions) == ((3.0, 3.1), ((3.02,),))
    after = file(store, "portable").stat()
    assert (after.st_mtime_ns, after.st_ino) == (before.st_mtime_ns, before.st_ino)


def test_an_exact_value_within_its_band_does_not_creep(store: BaselineStore) -> None:
    accept(store, macs(1000), day=1)
    assert accept(store, macs(1001, Verdict.OK), day=2) == ["unchanged"]
    assert stored(store, "portable", MACS).value == 1000


def test_twenty_sessions_are_kept_the_anchor_and_the_newest(store: BaselineStore) -> None:
    accept(store, latency([0.1], [1.0]), day=1)
    for day in range(2, 26):
        assert accept(store, latency([0.1], [float(day)], Verdict.OK), day=day) == ["kept (session added)"]
    assert stored(store, DEVICE, LATENCY).anchor == (1.0,)
    assert stored(store, DEVICE, LATENCY).sessions == tuple((float(day),) for day in range(7, 26))
    # An old results file, accepted late, is older than all that is kept.
    assert accept(store, latency([0.1], [6.0], Verdict.OK), day=6) == ["unchanged"]


def test_accepting_the_same_session_again_changes_nothing(store: BaselineStore) -> None:
    checks = [macs(12), latency([0.2], [3.7], Verdict.REGRESSED)]
    accept(store, *checks, day=1)
    accept(store, latency([0.2], [3.8], Verdict.OK), day=2)
    before = {path: path.read_bytes() for path in store.folder.rglob("*.json")}
    assert accept(store, *checks, day=1) == ["unchanged", "unchanged"]
    assert accept(store, latency([0.2], [3.8], Verdict.OK), day=2) == ["unchanged"]
    assert {path: path.read_bytes() for path in store.folder.rglob("*.json")} == before


def test_an_exact_value_that_is_stored_already_keeps_its_session(store: BaselineStore) -> None:
    accept(store, macs(12), day=1)
    assert accept(store, macs(12, Verdict.NEW), day=2) == ["unchanged"]


def test_ok_without_an_entry_is_recorded(store: BaselineStore) -> None:
    assert accept(store, macs(12, Verdict.OK), day=1) == ["new"]


def test_ok_against_an_anchor_that_was_moved_meanwhile_is_compared_with_the_new_one(store: BaselineStore) -> None:
    accept(store, latency([0.1], [3.0]), macs(1000), day=1)
    judged, exactly = stored(store, DEVICE, LATENCY), stored(store, "portable", MACS)
    accept(store, latency([0.101], [3.01], Verdict.REGRESSED), macs(1001, Verdict.REGRESSED), day=2)
    # Near the new anchor there is nothing to accept; and a value from before the move is no spread between days.
    assert accept(store, latency([0.1], [3.0], Verdict.OK, baseline=judged), day=3) == ["unchanged"]
    assert stored(store, DEVICE, LATENCY).sessions == ()
    accept(store, latency([0.2], [3.7], Verdict.REGRESSED), day=4)
    ok = latency([0.1], [3.0], Verdict.OK, baseline=judged), replace(macs(1000, Verdict.OK), baseline=exactly)
    assert accept(store, *ok, day=5) == ["replaced", "replaced"]
    assert stored(store, DEVICE, LATENCY).anchor == (3.0,)
    assert stored(store, "portable", MACS).value == 1000


def test_ok_that_meets_an_entry_beside_another_reference_is_re_anchored(store: BaselineStore) -> None:
    accept(store, latency([0.1], [3.0], reference="gemm"), day=1)
    assert accept(store, latency([0.1], [2.0], Verdict.OK, reference="conv"), day=2) == ["replaced"]
    assert stored(store, DEVICE, LATENCY).anchor == (2.0,)


def test_only_the_given_keys_are_touched(store: BaselineStore) -> None:
    other = INFERENCE.replace("resnet50", "vit-ünï/[::]" + "x" * 300)
    accept(store, macs(10), macs(20, test=other), macs(30, test="test_cost.py::test"), day=1)

    before = file(store, "portable").read_text().splitlines()
    cost = (store.folder / "portable" / "cost.json").read_bytes()
    accept(store, macs(11, Verdict.REGRESSED), day=2)
    after = file(store, "portable").read_text().splitlines()
    new = [line for line in after if line not in before]
    assert len(new) == 2  # the session, and the entry
    assert '"value": 11' in new[1]
    assert [line for line in after if '"value": 20' in line] == [line for line in before if '"value": 20' in line]
    assert (store.folder / "portable" / "cost.json").read_bytes() == cost
    assert BaselineStore(store.folder).keys("portable") == sorted(
        [MACS, CheckKey(other, "macs"), CheckKey("test_cost.py::test", "macs")]
    )


def test_numbers_that_people_wrote_stay_as_they_are(store: BaselineStore) -> None:
    accept(store, latency([0.1], [3.0]), latency([0.2], [4.0], test="test_inference.py::b"), day=1)
    text = file(store).read_text().replace('"log_ratios": [4.0]', '"log_ratios": [4.12345678901234]')
    file(store).write_text(text)
    accept(store, latency([0.3], [3.0], Verdict.REGRESSED), day=2)
    assert '"log_ratios": [4.12345678901234]' in file(store).read_text()


def test_modules_of_the_same_name_share_a_file(store: BaselineStore) -> None:
    accept(store, macs(1, test="a/test_x.py::t"), macs(2, test="b/x_test.py::t"), day=1)
    assert [p.name for p in (store.folder / "portable").iterdir()] == ["x.json"]
    assert stored(store, "portable", CheckKey("b/x_test.py::t", "macs")).value == 2


def test_an_entry_that_was_moved_to_another_file_stays_there(store: BaselineStore) -> None:
    accept(store, macs(1), day=1)
    moved = file(store, "portable").rename(store.folder / "portable" / "mine.json")
    accept(store, macs(2, Verdict.REGRESSED), day=2)
    assert [p.name for p in moved.parent.iterdir()] == ["mine.json"]
    assert stored(store, "portable", MACS).value == 2


def test_an_entry_in_two_files_is_an_error_that_names_both(store: BaselineStore) -> None:
    accept(store, macs(1), day=1)
    copy = store.folder / "portable" / "zz.json"
    copy.write_bytes(file(store, "portable").read_bytes())
    with pytest.raises(BaselineError) as caught:
        store.load("portable")
    start = f"{copy}: {INFERENCE} > macs: the same entry is in {file(store, 'portable')}. Take"
    assert str(caught.value).startswith(start)


def test_another_identity_under_the_same_slug_is_refused_with_its_differences(store: BaselineStore) -> None:
    accept(store, latency([0.1], [3.0]), day=1)
    before = file(store).read_bytes()
    other = replace(ENVIRONMENT, identity={**ENVIRONMENT.identity, "tf32": True})
    with pytest.raises(BaselineError) as caught:
        store.accept([macs(5), latency([0.2], [3.5], Verdict.INCOMPARABLE)], stamp(2), other)
    assert str(caught.value) == (
        f"{file(store)}: holds baselines of another environment: tf32 False -> True. A file holds one: keep this "
        f"environment's in another folder with --modelbench-baselines, or delete {file(store)} to replace them"
    )
    assert file(store).read_bytes() == before
    assert not (store.folder / "portable").exists()  # nothing is written if anything is refused


def test_a_fact_that_only_one_side_knows_is_no_difference(store: BaselineStore) -> None:
    accept(store, latency([0.1], [3.0]), day=1)
    other = replace(ENVIRONMENT, identity={**ENVIRONMENT.identity, "smt": True})
    store.accept([latency([0.2], [3.5], Verdict.REGRESSED)], stamp(2), other)
    view = stored(store, DEVICE, LATENCY)
    assert (view.value, view.identity) == (0.2, ENVIRONMENT.identity)


def test_metrics_of_the_device_kind_carry_no_identity(store: BaselineStore) -> None:
    accept(store, replace(macs(5), folder=ENVIRONMENT.folder(Scope.KIND)), day=1)
    assert stored(store, "cpu", MACS).identity is None


def test_a_value_that_cannot_be_a_baseline_is_refused_before_anything_is_written(store: BaselineStore) -> None:
    peak = METRICS["peak_live_memory"]
    with pytest.raises(BaselineError, match=r"\[resnet50\] peak_live_memory: value: -1 is negative"):
        accept(store, macs(5), exact(peak, -1), day=1)
    with pytest.raises(BaselineError, match="macs: nothing was measured"):
        accept(store, replace(macs(5), measurements=()), day=1)
    assert list(store.folder.rglob("*.json")) == []


def test_a_folder_from_a_forged_results_file_is_refused(store: BaselineStore) -> None:
    with pytest.raises(BaselineError, match=r"'\.\./up' is not the name of a baseline folder"):
        accept(store, replace(macs(5), folder="../up"), day=1)


def test_a_broken_file_stops_accepting_and_stays(store: BaselineStore) -> None:
    accept(store, macs(5), day=1)
    file(store, "portable").write_text("{")
    with pytest.raises(BaselineError, match="is cut off"):
        accept(store, macs(6), day=2)
    assert file(store, "portable").read_text() == "{"


def test_what_another_session_wrote_since_loading_stays(store: BaselineStore) -> None:
    store.load("portable")
    accept(BaselineStore(store.folder), macs(1, test="test_inference.py::other"), day=1)
    accept(store, macs(2), day=2)
    assert store.keys("portable") == [CheckKey("test_inference.py::other", "macs"), MACS]


_ACCEPT_MANY = """
import sys
from pathlib import Path
from tests.unit.store_checks import ENVIRONMENT, latency, stamp
from pytest_modelbench.store.baselines import BaselineStore
from pytest_modelbench.store.draft import Draft
from pytest_modelbench.store.schema import Origin

store, mine = BaselineStore(Path(sys.argv[1])), sys.argv[2]
print("ready", flush=True)
sys.stdin.readline()
for n in range(12):
    check = latency([0.1], [3.0], test=f"test_inference.py::{mine}[{n}]")
    store.accept([check], stamp(int(mine)), ENVIRONMENT)
"""


@pytest.mark.slow
def test_two_processes_that_accept_at_once_both_land(store: BaselineStore) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _ACCEPT_MANY, str(store.folder), mine],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True,
        )
        for mine in ("1", "2")
    ]  # fmt: skip
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        process.communicate(timeout=60)
        assert process.returncode == 0
    expected = [CheckKey(f"test_inference.py::{mine}[{n}]", "latency") for mine in "12" for n in range(12)]
    assert store.keys(DEVICE) == sorted(expected)


def test_pruning_removes_the_given_keys_and_files_without_entries(store: BaselineStore) -> None:
    other, cost = CheckKey("test_inference.py::other", "macs"), CheckKey("test_cost.py::t", "macs")
    accept(store, macs(1), macs(2, test=other.test), macs(3, test=cost.test), exact(METRICS["parameters"], 4), day=1)
    assert store.prune("portable", [MACS, cost, MACS, CheckKey("never", "macs")]) == 2
    assert store.keys("portable") == [other, CheckKey(INFERENCE, "parameters")]
    assert [p.name for p in (store.folder / "portable").iterdir()] == ["inference.json"]
    assert BaselineStore(store.folder).keys("portable") == store.keys("portable")
    before = file(store, "portable").stat().st_mtime_ns
    assert store.prune("portable", [MACS]) == 0
    assert file(store, "portable").stat().st_mtime_ns == before


def test_pruning_where_nothing_is_stored_creates_nothing(store: BaselineStore) -> None:
    assert store.prune("portable", [MACS]) == 0
    assert not store.folder.exists()


def test_nothing_is_created_by_looking_or_by_accepting_nothing(store: BaselineStore) -> None:
    store.load("portable")
    store.check_writable()
    assert (store.holds_any("portable"), store.keys("portable"), store.folders()) == (False, [], [])
    assert store.find("portable", MACS) is None
    assert store.accept([], stamp(1), ENVIRONMENT) == []
    assert not store.folder.exists()


def test_a_folder_holds_something_only_if_it_has_an_entry(store: BaselineStore) -> None:
    (store.folder / "portable").mkdir(parents=True)
    (store.folder / "portable" / "a.json").write_text(
        json.dumps({"format": "pytest-modelbench baseline", "schema": 3, "records": [None]})
    )
    assert not store.holds_any("portable")
    accept(store, macs(1), day=1)
    assert store.holds_any("portable")
    assert not store.holds_any(DEVICE)


def test_environments_are_known_by_their_folders_and_what_cannot_be_read_is_left_out(store: BaselineStore) -> None:
    assert store.identities() == {}
    accept(store, macs(1), latency([0.1], [3.0]), day=1)
    (store.folder / "cpu-broken").mkdir()
    (store.folder / "cpu-broken" / "inference.json").write_text("no baseline")
    (store.folder / "cpu-empty").mkdir()
    fresh = BaselineStore(store.folder)
    assert fresh.identities() == {DEVICE: dict(ENVIRONMENT.identity)}
    assert fresh.outdated() == []
    (store.folder / "cpu-broken" / "inference.json").unlink()


def test_hidden_and_other_files_are_not_baselines(store: BaselineStore) -> None:
    accept(store, macs(1), day=1)
    for name in (".#inference.json", ".inference-ab.tmp", "README.md"):
        (store.folder / "portable" / name).write_text("no baseline")
    assert BaselineStore(store.folder).keys("portable") == [MACS]


def test_what_a_killed_writer_left_is_removed_by_the_next_one_that_writes(store: BaselineStore) -> None:
    accept(store, macs(1), day=1)
    left = store.folder / "portable" / ".other-0123456789ab.tmp"
    left.write_text("{")
    accept(store, macs(1), day=2)
    assert left.exists()  # nothing was written
    accept(store, macs(2, Verdict.REGRESSED), day=3)
    assert not left.exists()


def test_a_file_in_place_of_a_folder_is_an_error(store: BaselineStore) -> None:
    store.folder.mkdir()
    (store.folder / "portable").write_text("")
    with pytest.raises(BaselineError, match="portable: is a file where a folder of baselines should be"):
        store.load("portable")


def test_where_nothing_can_be_written_is_named_before_anything_is_measured(
    store: BaselineStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, _mode: str(path) != str(store.folder.parent))
    with pytest.raises(BaselineError, match=f"^{store.folder.parent}: is not writable"):
        store.check_writable()
    store.folder.write_text("")
    with pytest.raises(BaselineError, match=f"^{store.folder}: is not a folder"):
        store.check_writable()


def test_two_sessions_of_one_name_do_not_pass_for_each_other(store: BaselineStore) -> None:
    accept(store, macs(1), day=1)
    other = replace(ENVIRONMENT, provenance={**ENVIRONMENT.provenance, "torch": "0.1"})
    check = macs(1, test=f"{INFERENCE.partition('::')[0]}::test_other")
    with pytest.raises(BaselineError, match=r"json: session .* is there already, and ran other sources or versions"):
        store.accept([check], stamp(1), other)


def test_a_file_that_is_removed_while_the_folder_is_read_is_none_of_it(
    store: BaselineStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept(store, macs(1), macs(1, test="other.py::test_b"), day=1)
    gone = store.folder / "portable/other.json"

    def read(path: Path) -> Any:
        gone.unlink(missing_ok=True)  # another session prunes
        return read_baseline_file(path)

    monkeypatch.setattr(folders, "read_baseline_file", read)
    assert {key.test for key in BaselineStore(store.folder).keys("portable")} == {macs(1).key.test}


def test_a_loaded_folder_that_cannot_be_written_is_named(store: BaselineStore, monkeypatch: pytest.MonkeyPatch) -> None:
    accept(store, macs(1), day=1)
    monkeypatch.setattr(os, "access", lambda path, _mode: Path(path).name != "portable")
    with pytest.raises(BaselineError, match=f"^{store.folder / 'portable'}: is not writable"):
        store.check_writable()


_metrics = st.builds(
    Metric, st.sampled_from(["a", "b"]), st.sampled_from(["count", "dB"]), st.sampled_from(Better),
    st.just(Scope.PORTABLE), st.just(METRICS["macs"].band),
)  # fmt: skip
_exact_checks = st.builds(exact, _metrics, st.integers(0, 2**53) | st.floats(0, 1e12), st.sampled_from(Verdict))
_times = st.lists(st.tuples(st.floats(1e-9, 1e3), st.floats(-50, 50, allow_subnormal=False)), min_size=1, max_size=4)
_noisy_checks = st.builds(
    lambda pairs, verdict: latency([value for value, _ in pairs], [log_ratio for _, log_ratio in pairs], verdict),
    _times, st.sampled_from(Verdict),
)  # fmt: skip


@pytest.mark.slow
@settings(max_examples=40)  # every one writes to the disk
@given(history=st.lists(st.lists(_exact_checks | _noisy_checks, max_size=3, unique_by=lambda c: c.key), max_size=4))
def test_accepting_the_last_session_again_is_idempotent(
    tmp_path_factory: pytest.TempPathFactory, history: list[list[Check]]
) -> None:
    store = BaselineStore(tmp_path_factory.mktemp("baselines"))
    for day, checks in enumerate(history, start=1):
        accept(store, *checks, day=day)
    before = {path: path.read_bytes() for path in store.folder.rglob("*.json")}
    again = BaselineStore(store.folder)
    if history:
        assert set(accept(again, *history[-1], day=len(history))) <= {"unchanged"}
    assert {path: path.read_bytes() for path in store.folder.rglob("*.json")} == before
    for folder in ("portable", DEVICE):
        assert {key: again.find(folder, key) for key in again.keys(folder)} == {
            key: store.find(folder, key) for key in store.keys(folder)
        }


def test_commits_of_times_are_told_by_test_over_all_folders_that_can_be_read(tmp_path: Path) -> None:
    store = BaselineStore(tmp_path)
    store.accept([latency([0.1, 0.1], [0.0, 0.0]), macs(5)], stamp(1), ENVIRONMENT)
    other = replace(ENVIRONMENT, slug="cpu-other", identity={"device": "Other"})
    there = replace(latency([0.1, 0.1], [0.0, 0.0]), folder="cpu-other", environment="cpu-other")
    store.accept([there], replace(stamp(2), dirty=True), other)
    store.accept([macs(7, test="t.py::exact")], stamp(2), ENVIRONMENT)
    (tmp_path / "cpu-damaged").mkdir()
    (tmp_path / "cpu-damaged" / "test.json").write_text("{")
    assert BaselineStore(tmp_path).commits_of_times() == {INFERENCE: {stamp(1).commit, None}}
