"""What earlier sessions leave to learn from: a cache that may be missing, and that nobody has to believe."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modelbench.core.errors import BaselineError
from pytest_modelbench.core.measurement import CheckKey
from pytest_modelbench.core.reasons import MachineMoved, SameCode
from pytest_modelbench.core.verdicts import Judgement, Verdict
from pytest_modelbench.session.nights import night_of
from pytest_modelbench.store.baselines import BaselineStore
from pytest_modelbench.store.nights import MOST_NIGHTS, Night, Nights, NightsFile, Seen
from pytest_modelbench.store.schema import Origin, Processes
from tests.unit.store_checks import ENVIRONMENT, INFERENCE, entries_in, latency, session, stamp

#: What writes the cache at the end of a session has nobody to warn.
pytestmark = pytest.mark.filterwarnings("error")

KEY = CheckKey(INFERENCE, "latency")


def night(day: int, *log_ratios: float, accepted: str = "", away: bool = False, commit: str = "abc") -> Night:
    seen = Seen(
        processes=Processes(values=(0.1, 0.1), log_ratios=log_ratios or (0.0, 0.0)), accepted=accepted, away=away
    )
    return Night(
        session=stamp(day).id,
        origin=Origin(commit=commit, dirty=False, provenance={"torch": "2.15.0"}),
        checks={KEY.test: {KEY.name: seen}},
    )


def test_nights_are_read_as_they_were_left(tmp_path: Path) -> None:
    file = NightsFile(tmp_path / "nights", ENVIRONMENT)
    assert file.read().nights == ()
    for day in (2, 1):
        file.add(night(day, 0.01 * day, 0.0, accepted="s"))
    assert [one.session for one in file.read().nights] == [stamp(1).id, stamp(2).id]
    assert file.read().nights[1] == night(2, 0.02, 0.0, accepted="s")


def test_the_same_session_is_kept_once_and_the_oldest_of_a_check_make_room(tmp_path: Path) -> None:
    file = NightsFile(tmp_path, ENVIRONMENT)
    other = night(1, 0.5, 0.5).model_copy(update={"checks": {"other.py::test": night(1).checks[KEY.test]}})
    file.add(other)
    for number in range(MOST_NIGHTS + 3):
        file.add(night(1).model_copy(update={"session": f"2026-12-01T00:{number:02}"}))
    file.add(night(1, 0.1, 0.1).model_copy(update={"session": "2026-12-01T00:07"}))
    kept = file.read().nights
    # What others have measured since does not make a check lose what it has.
    assert kept[0] == other
    assert [one.session for one in kept[1:]] == [f"2026-12-01T00:{number:02}" for number in range(3, MOST_NIGHTS + 3)]


def test_sessions_of_one_date_are_one_day() -> None:
    nights = [night(day, 0.01 * number, 0.01 * number, accepted="a") for number, day in enumerate((1, 1, 2))]
    nights[1] = nights[1].model_copy(update={"session": "2026-11-01T23:00:00Z"})
    found = Nights(nights).of_baseline(KEY, "a")
    assert [one.log_ratios for _, one in found.values()] == [(0.01, 0.01), (0.02, 0.02)]
    assert Nights(nights).of_other_code(KEY, "b") == [[(0.0, 0.0, 0.01, 0.01), (0.02, 0.02)]]


def test_nights_of_the_baseline_s_code_are_told_from_others() -> None:
    nights = Nights(
        (
            night(1, 0.01, 0.01, accepted="a"),
            night(2, 0.5, 0.5, accepted="a", away=True),
            night(3, 0.02, 0.02, accepted="before"),
            night(4, 0.03, 0.03, commit="x"),
            night(5, 0.04, 0.04, commit="x"),
            night(6, 0.06, 0.06, commit="y"),
        )
    )
    found = nights.of_baseline(KEY, "a")
    assert {name: one.log_ratios for name, (_, one) in found.items()} == {stamp(1).id: (0.01, 0.01)}
    assert nights.of_other_code(KEY, "a") == [[(0.02, 0.02)], [(0.03, 0.03), (0.04, 0.04)], [(0.06, 0.06)]]
    assert nights.of_baseline(CheckKey("other", "latency"), "a") == {}


def test_only_the_last_sessions_tell_that_the_machine_stays_away() -> None:
    away = [False, True, False, True, True]
    nights = Nights(tuple(night(day, accepted="a", away=one) for day, one in enumerate(away, 1)))
    assert nights.away_in_a_row(KEY, "a") == 2
    assert nights.away_in_a_row(KEY, "b") == 0


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda text: text[:-40], "is cut off|is not JSON"),
        (lambda text: text.replace('"schema": 1', '"schema": 9'), "newer than 1"),
        (lambda text: text.replace("nights", "results", 1), "is not a pytest-modelbench nights file"),
        (lambda text: text.replace('"threads": 1', '"threads": 4'), "of another machine.*rm "),
        (lambda text: text.replace('"threads": 1, ', ""), "of another machine.*rm "),
        (lambda text: text.replace("0.01", "1e999"), "finite|not JSON"),
        (lambda text: text.replace('"accepted"', '"acepted"'), "acepted: is not a field"),
        (lambda text: "", "is empty"),
    ],
)
def test_a_damaged_cache_is_named_and_the_next_session_replaces_it(tmp_path: Path, damage, told: str) -> None:
    file = NightsFile(tmp_path, ENVIRONMENT)
    file.add(night(1, 0.01, 0.02, accepted="a"))
    file.path.write_text(damage(file.path.read_text()))
    with pytest.raises(BaselineError, match=told):
        file.read()
    file.add(night(2))
    assert file.read().nights == (night(2),)


@given(st.binary(max_size=300))
def test_whatever_lies_there_is_no_other_error(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    file = NightsFile(tmp_path_factory.mktemp("nights"), ENVIRONMENT)
    file.path.write_bytes(content)
    with pytest.raises(BaselineError):
        file.read()


# --- what a session leaves


def of(*judged: tuple[Verdict, tuple[float, ...]], dirty: bool = False, **more: object) -> Night | None:
    checks = [
        latency([0.1] * len(ratios), ratios, verdict, test=f"t{number}.py::test")
        for number, (verdict, ratios) in enumerate(judged)
    ]
    told = session(*checks)
    return night_of(replace(told, stamp=replace(told.stamp, dirty=dirty), **more), ENVIRONMENT)  # type: ignore[arg-type]


def seen(one: Night | None) -> dict[str, tuple[float, ...]]:
    return {test: tuple(checks["latency"].processes.log_ratios) for test, checks in one.checks.items()} if one else {}


def test_the_first_two_processes_of_each_noisy_check_are_left() -> None:
    left = of((Verdict.OK, (0.01, 0.02, 0.03)), (Verdict.REGRESSED, (0.5, 0.4)), (Verdict.OK, (0.1,)))
    assert seen(left) == {"t0.py::test": (0.01, 0.02), "t1.py::test": (0.5, 0.4)}


@pytest.mark.parametrize("more", [{"updating": True}, {"interrupted": True}, {"against": "main"}])
def test_a_session_that_compares_otherwise_or_is_not_whole_leaves_nothing(more: dict[str, object]) -> None:
    assert of((Verdict.OK, (0.01, 0.02)), **more) is None


def test_code_with_changes_that_no_commit_has_cannot_be_known_again_unless_it_is_the_baseline_s() -> None:
    assert seen(of((Verdict.OK, (0.01, 0.02)), (Verdict.UNCHANGED, (0.1, 0.2)), dirty=True)) == {
        "t1.py::test": (0.1, 0.2)
    }


def test_that_the_machine_moved_is_kept() -> None:
    moved = Judgement(Verdict.UNCHANGED, 0.1, reasons=(MachineMoved(SameCode(), 1.2),))
    check = replace(latency([0.1, 0.1], [0.0, 0.0]), judgement=moved)
    left = night_of(session(check), ENVIRONMENT)
    assert left is not None
    assert left.checks[KEY.test][KEY.name].away


def test_a_disturbed_process_teaches_nothing_but_that_the_machine_stays_away() -> None:
    check = latency([0.1, 0.1], [0.0, 0.0], Verdict.OK, disturbance="busy")
    assert night_of(session(check), ENVIRONMENT) is None
    moved = Judgement(Verdict.UNCHANGED, 0.1, reasons=(MachineMoved(SameCode(), 1.2),))
    left = night_of(session(replace(check, judgement=moved)), ENVIRONMENT)
    assert left is not None
    assert left.checks[KEY.test][KEY.name].away


# --- what accepting takes over


def test_accepting_what_is_ok_takes_the_nights_of_its_code_over(tmp_path: Path) -> None:
    store = BaselineStore(tmp_path)
    (first,) = store.accept([latency([0.1, 0.11], [0.0, 0.1])], stamp(1), ENVIRONMENT)
    nights = Nights((night(2, 0.01, 0.02, accepted=stamp(1).id), night(3, 0.5, 0.5, accepted="other")))
    view = store.find(ENVIRONMENT.slug, KEY)
    again = latency([0.1, 0.11], [0.03, 0.04], Verdict.OK, baseline=view)
    store.accept([again], stamp(4), ENVIRONMENT, nights)
    (entry,) = entries_in(Path(first.file)).values()
    sessions = entry["latency"]["sessions"]
    assert sorted(sessions) == [stamp(1).id, stamp(2).id, stamp(4).id]
    assert sessions[stamp(2).id]["log_ratios"] == [0.01, 0.02]
    assert BaselineStore(tmp_path).find(ENVIRONMENT.slug, KEY) is not None  # it is read again, whole


def test_a_night_that_contradicts_the_file_is_left_out(tmp_path: Path) -> None:
    store = BaselineStore(tmp_path)
    (first,) = store.accept([latency([0.1, 0.11], [0.0, 0.1])], stamp(1), ENVIRONMENT)
    view = store.find(ENVIRONMENT.slug, KEY)
    store.accept([latency([0.1, 0.11], [0.03, 0.04], Verdict.OK, baseline=view)], stamp(2), ENVIRONMENT)
    again = latency([0.1, 0.11], [0.05, 0.06], Verdict.OK, baseline=view)
    store.accept([again], stamp(4), ENVIRONMENT, Nights((night(2, 0.5, 0.5, accepted=stamp(1).id, commit="other"),)))
    (entry,) = entries_in(Path(first.file)).values()
    assert entry["latency"]["sessions"][stamp(2).id]["log_ratios"] == [0.03, 0.04]


def test_accepting_a_change_leaves_the_nights_of_the_code_before(tmp_path: Path) -> None:
    store = BaselineStore(tmp_path)
    (first,) = store.accept([latency([0.1, 0.11], [0.0, 0.1])], stamp(1), ENVIRONMENT)
    nights = Nights((night(2, 0.01, 0.02, accepted=stamp(1).id),))
    slower = latency([0.2, 0.21], [0.7, 0.8], Verdict.REGRESSED, baseline=store.find(ENVIRONMENT.slug, KEY))
    store.accept([slower], stamp(4), ENVIRONMENT, nights)
    (entry,) = entries_in(Path(first.file)).values()
    assert sorted(entry["latency"]["sessions"]) == [stamp(4).id]
