"""The one rule of what may become a baseline, for ``--update-baselines`` and ``pytest-modelbench accept`` alike."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import ValidationError

from pytest_modelbench.cli import main
from pytest_modelbench.core.acceptance import Cause, Refusal
from pytest_modelbench.core.breakdown import Breakdown
from pytest_modelbench.core.change import ChangeKind
from pytest_modelbench.core.errors import BaselineError
from pytest_modelbench.core.measurement import CheckKey
from pytest_modelbench.core.metrics import METRICS
from pytest_modelbench.core.observations import Observations, Observed
from pytest_modelbench.core.session import Check, Outcome, Session, TestResult
from pytest_modelbench.core.settings import Settings
from pytest_modelbench.core.trail import Step, Trail
from pytest_modelbench.core.verdicts import Verdict
from pytest_modelbench.session.closing import Closing
from pytest_modelbench.session.commands import Commands
from pytest_modelbench.store.accepting import accept
from pytest_modelbench.store.baselines import BaselineStore
from pytest_modelbench.store.results import write_results
from pytest_modelbench.store.schema import Entry
from tests.unit.store_checks import ENVIRONMENT, INFERENCE, exact, latency, macs, session

PEAK = METRICS["peak_live_memory"]
MACS = CheckKey(INFERENCE, "macs")
LATENCY = CheckKey(INFERENCE, "latency")
OTHER = replace(ENVIRONMENT, name="Another CPU", slug="cpu-another", identity={"device": "Another CPU"})


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BaselineStore:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    return BaselineStore(Path("baselines"))


def ended(test: str = INFERENCE, outcome: Outcome = Outcome.PASSED, *, by_verdict: bool = False) -> TestResult:
    return TestResult(test, outcome, 1.0, by_verdict=by_verdict)


def stored(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.json")}


def processes(*checks: Check) -> Check:
    """One check, of which each process measured what one of ``checks`` says."""
    measured = tuple(replace(check.measurements[0], process=number) for number, check in enumerate(checks))
    return replace(checks[0], measurements=measured)


def numbers(*values: float) -> Check:
    """An output that these numbers stand for; all of one size."""
    check = exact(METRICS["output"], 1.0)
    made_of = Observations(Observed.NUMBERS, values)
    return replace(check, measurements=(replace(check.measurements[0], observations=made_of),))


def summed(amounts: dict[str, int]) -> Check:
    """Operators by name, all in the model itself."""
    breakdown = Breakdown.of({("", what): amount for what, amount in amounts.items()})
    check = exact(METRICS["operators"], breakdown.total)
    return replace(check, measurements=(replace(check.measurements[0], breakdown=breakdown),))


@pytest.mark.parametrize(
    ("value", "refused"),
    [
        (session(macs(5)), {}),
        (session(macs(5), tests=[ended(outcome=Outcome.INCONCLUSIVE)]), {}),
        (session(macs(5, Verdict.REGRESSED), tests=[ended(outcome=Outcome.FAILED, by_verdict=True)]), {}),
        (session(latency([0.1, 0.1], [3.0, 3.0])), {}),
        (session(macs(5), interrupted=True), {MACS: Refusal(Cause.INTERRUPTED)}),
        (session(macs(5), environments=()), {MACS: Refusal(Cause.NO_ENVIRONMENT)}),
        (session(macs(5), tests=[]), {MACS: Refusal(Cause.NOT_ENDED)}),
        (session(macs(5), tests=[ended(outcome=Outcome.FAILED)]), {MACS: Refusal(Cause.FAILED, "failed")}),
        (session(macs(5), tests=[ended(outcome=Outcome.SKIPPED)]), {MACS: Refusal(Cause.FAILED, "skipped")}),
        (session(replace(macs(5), measurements=())), {MACS: Refusal(Cause.NOT_MEASURED)}),
        (session(latency([0.1, 0.1], [3.0, 3.0], disturbance="steal time 12%")),
         {LATENCY: Refusal(Cause.DISTURBED, "in 2 of 2 processes; steal time 12%")}),
        (session(latency([0.1], [3.0])), {LATENCY: Refusal(Cause.TOO_FEW, "in 1")}),
        (session(exact(PEAK, 0)), {}),
        (session(processes(exact(PEAK, 1000), exact(PEAK, 1000), exact(PEAK, 1009))), {}),  # its band is 1 %
        (session(processes(macs(5), macs(6), macs(5))),
         {MACS: Refusal(Cause.CONTRADICTED, "macs 5 and 6 count")}),
        (session(processes(numbers(1, 2), numbers(2, 1))),
         {CheckKey(INFERENCE, "output"): Refusal(Cause.CONTRADICTED, "output 1 rms of different numbers")}),
        (session(processes(summed({"a": 2}), summed({"b": 2}))),
         {CheckKey(INFERENCE, "operators"): Refusal(Cause.CONTRADICTED, "operators 2 count of different numbers")}),
        (session(exact(PEAK, -1)),
         {CheckKey(INFERENCE, "peak_live_memory"):
          Refusal(Cause.UNFIT, "value: -1 is negative, and the unit is 'bytes'")}),
        (session(macs(5, test=" ")),
         {CheckKey(" ", "macs"): Refusal(Cause.UNFIT, "its test or the check itself has no name")}),
    ],
)  # fmt: skip
def test_every_cause_refuses_and_nothing_else_does(
    store: BaselineStore, value: Session, refused: dict[CheckKey, Refusal]
) -> None:
    done = accept(value, store)
    assert done.refused == refused
    assert [change.key for change in done.changes] == [check.key for check in value.checks if check.key not in refused]
    assert bool(stored(store.folder)) != bool(refused)


STEAL = {"disturbance": "steal time 12%"}
APART = [3.0, 3.02, 2.98, 3.01]


def sessions_of(store: BaselineStore) -> dict[str, Any]:
    """What the one entry on the disk keeps of each session, by its day."""
    (text,) = stored(store.folder).values()
    (entry,) = [record for record in json.loads(text)["records"] if record and record.get("test") == INFERENCE]
    return {name[8:10]: kept for name, kept in entry["sessions"].items()}


def test_a_disturbed_session_is_accepted_where_that_is_asked_for_and_its_entry_says_so(store: BaselineStore) -> None:
    upset = latency([0.1] * 4, APART, **STEAL)
    (change,) = accept(session(upset), store, even_if_disturbed=True).changes
    assert change.kind.value == "new"
    assert sessions_of(store)["22"]["disturbed"] == 4
    view = BaselineStore(store.folder).find(ENVIRONMENT.slug, LATENCY)
    assert view is not None
    assert (view.disturbed, view.anchor) == (4, tuple(APART))


def test_all_processes_of_a_disturbed_session_count_and_of_another_those_left_alone(store: BaselineStore) -> None:
    calm, upset = latency([0.1] * 4, APART), latency([0.1] * 4, APART, **STEAL)
    mixed = replace(calm, measurements=(*calm.measurements[:1], *upset.measurements[1:]))
    accept(session(mixed), store, even_if_disturbed=True)
    assert (sessions_of(store)["22"]["disturbed"], len(sessions_of(store)["22"]["values"])) == (3, 4)
    mostly = replace(calm, measurements=(*calm.measurements[:2], *upset.measurements[2:]))
    accept(session(mostly, day=23), store, even_if_disturbed=True)
    assert sessions_of(store)["23"] == {
        "values": [0.1, 0.1], "log_ratios": APART[:2], "reference_s": sessions_of(store)["23"]["reference_s"],
    }  # fmt: skip


@pytest.mark.parametrize("verdict", [Verdict.OK, Verdict.INCONCLUSIVE])
def test_a_disturbed_session_never_teaches_and_a_calm_one_takes_its_place(
    store: BaselineStore, verdict: Verdict
) -> None:
    calm, upset = latency([0.1] * 2, APART[:2], verdict), latency([0.1] * 4, APART, verdict, **STEAL)
    kinds = []
    for day, check in ((20, upset), (21, upset), (22, calm), (23, upset), (24, calm)):
        (change,) = accept(session(check, day=day), store, even_if_disturbed=True).changes
        kinds.append(change.kind.value)
    assert kinds == ["new", "unchanged", "replaced", "unchanged", "kept (session added)"]
    assert sessions_of(store).keys() == {"22", "24"}


def test_what_is_too_far_apart_for_any_band_is_refused_all_the_same(store: BaselineStore) -> None:
    upset = latency([0.1] * 4, [3.0, 3.2, 2.8, 3.1], **STEAL)
    refused = accept(session(upset), store, even_if_disturbed=True).refused
    assert refused == {LATENCY: Refusal(Cause.TOO_FAR_APART, "4 processes spread by 17.1%")}
    single = latency([0.1], [3.0], **STEAL)
    refused = accept(session(single), store, even_if_disturbed=True).refused
    assert refused[LATENCY].cause is Cause.DISTURBED


def test_half_of_the_processes_left_alone_are_enough_if_they_are_two(store: BaselineStore) -> None:
    half = latency([0.1] * 4, [3.0] * 4)
    upset = latency([0.1] * 4, [3.0] * 4, disturbance="steal")
    measured = (*half.measurements[:2], *upset.measurements[2:])
    assert not accept(session(replace(half, measurements=measured)), store).refused
    alone = (half.measurements[0], upset.measurements[1])
    assert accept(session(replace(half, measurements=alone)), store).refused == {
        LATENCY: Refusal(Cause.TOO_FEW, "in 1")
    }


def test_one_unfit_check_costs_nothing_else(store: BaselineStore) -> None:
    done = accept(session(macs(5), exact(PEAK, -1), latency([0.1, 0.1], [3.0, 3.0]), macs(7, test="t.py::b")), store)
    assert [(change.key, change.kind.value) for change in done.changes] == [
        (MACS, "new"),
        (LATENCY, "new"),
        (CheckKey("t.py::b", "macs"), "new"),
    ]
    assert {key.name: refusal.cause for key, refusal in done.refused.items()} == {"peak_live_memory": Cause.UNFIT}


def test_what_one_environment_refuses_another_may_accept(store: BaselineStore) -> None:
    here = latency([0.1, 0.1], [3.0, 3.0], disturbance="steal")
    there = replace(latency([0.2, 0.2], [3.5, 3.5]), folder=OTHER.slug, environment=OTHER.slug)
    for checks in ((here, there), (there, here)):
        done = accept(session(*checks, environments=(ENVIRONMENT, OTHER)), store)
        assert [change.folder for change in done.changes] == [OTHER.slug]
        assert {key: refusal.cause for key, refusal in done.refused.items()} == {LATENCY: Cause.DISTURBED}
    assert BaselineStore(store.folder).folders() == [OTHER.slug]
    view = store.find(OTHER.slug, LATENCY)
    assert view is not None
    assert view.identity == OTHER.identity


def closed(value: Session, store: BaselineStore) -> tuple[Closing, str]:
    """The session closed as by ``--update-baselines --modelbench-json=results.json``, and its report."""
    here = store.folder.absolute().parent
    option = SimpleNamespace(modelbench_json="results.json", modelbench_save_benchmark=None, modelbench_html=None)
    config: Any = SimpleNamespace(option=option, rootpath=here, invocation_params=SimpleNamespace(dir=here))
    runner: Any = SimpleNamespace(
        config=config,
        store=store,
        settings=Settings(),
        commands=Commands(),
        processes=3,
        stored_of_module=len,
        even_if_disturbed=False,
        nights={},
        nights_folder=None,
    )
    closing = Closing(runner)
    closing.close(replace(value, updating=True), {})
    return closing, closing.summary(200, colour=False, quiet=False)


MIXED: tuple[Check, ...] = (
    macs(1500, Verdict.REGRESSED),
    exact(PEAK, 0),
    latency([0.1, 0.1], [3.0, 3.0], Verdict.OK),
    latency([0.1, 0.1], [3.0, 3.0], test="t.py::b", disturbance="steal time 12%"),
    latency([0.1], [3.0], test="t.py::c"),
    macs(7, test="t.py::d"),
)


@pytest.mark.parametrize(
    "tests",
    [
        [ended(test) for test in (INFERENCE, "t.py::b", "t.py::c", "t.py::d")],
        [ended(), ended("t.py::b"), ended("t.py::c", Outcome.FAILED), ended("t.py::d", Outcome.SKIPPED)],
        [ended("t.py::d")],
    ],
)
def test_updating_and_the_command_accept_and_refuse_the_same(
    store: BaselineStore, capsys: pytest.CaptureFixture[str], tests: list[TestResult]
) -> None:
    before = session(macs(1000), latency([0.1, 0.1], [3.0, 3.1]), day=1)
    other = BaselineStore(Path("other"))
    for one in (store, other):
        assert not accept(before, one).refused
    closing, report = closed(session(*MIXED, tests=tests), store)
    assert closing.exit_status(0) == 1  # something that was asked for was not done
    assert main(["accept", "results.json", "--baselines", "other"]) == 1
    told = capsys.readouterr().out.splitlines()
    refusals = [line for line in told if line.startswith("NOT ACCEPTED")]
    assert refusals
    report = report.replace("--modelbench-even-if-disturbed", "--even-if-disturbed")
    assert [line for line in report.splitlines() if line.startswith("NOT ACCEPTED")] == refusals
    assert stored(store.folder) == stored(other.folder)
    # And once more changes nothing.
    assert main(["accept", "results.json", "--baselines", "baselines"]) == 1
    assert [line for line in capsys.readouterr().out.splitlines() if line.startswith("NOT ACCEPTED")] == refusals
    assert stored(store.folder) == stored(other.folder)


def test_an_interrupted_session_is_accepted_by_neither(
    store: BaselineStore, capsys: pytest.CaptureFixture[str]
) -> None:
    _, report = closed(session(macs(5), interrupted=True), store)
    assert "INTERRUPTED: this is incomplete; nothing was recorded, and no baseline was touched" in report
    assert main(["accept", "results.json"]) == 1
    assert capsys.readouterr().out.startswith("NOT ACCEPTED: 1 check of 1 test: the session was interrupted")
    assert not store.folder.exists()


def test_what_was_refused_can_be_accepted_from_the_results_once_it_is_measured_again(store: BaselineStore) -> None:
    upset = latency([0.1, 0.1], [3.0, 3.0], disturbance="steal")
    assert accept(session(macs(5), upset), store).refused
    done = accept(session(macs(5), latency([0.1, 0.1], [3.0, 3.0]), day=23), store)
    assert [change.kind.value for change in done.changes] == ["unchanged", "new"]
    assert not done.refused


def test_files_that_cannot_be_written_raise_and_stay(store: BaselineStore) -> None:
    store.folder.write_text("in the way")
    with pytest.raises(BaselineError, match="baselines"):
        accept(session(macs(5)), store)
    assert store.folder.read_text() == "in the way"
    closing, report = closed(session(macs(5)), store)
    assert closing.exit_status(0) == pytest.ExitCode.USAGE_ERROR
    assert "nothing is lost: once that is mended, run\n    pytest-modelbench accept --baselines baselines" in report
    write_results(Path("again.json"), session(macs(5)))
    assert main(["accept", "again.json"]) == 4


def test_what_a_value_is_the_sum_of_is_accepted_with_it_and_anew_if_that_changed(store: BaselineStore) -> None:
    def kept() -> Breakdown | None:
        view = store.find("portable", CheckKey(INFERENCE, "operators"))
        assert view is not None
        return view.breakdown

    accept(session(summed({"a": 2, "b": 1})), store)
    assert kept() == summed({"a": 2, "b": 1}).measurements[0].breakdown
    swapped = replace(summed({"a": 1, "b": 2}))
    judged = replace(swapped, judgement=replace(swapped.judgement, verdict=Verdict.REGRESSED))
    test = ended(outcome=Outcome.FAILED, by_verdict=True)
    assert len(accept(session(judged, tests=[test]), store).changes) == 1
    assert kept() == swapped.measurements[0].breakdown


def test_parts_that_were_renamed_are_taken_over_with_the_same_value_and_never_with_another(
    store: BaselineStore,
) -> None:
    def of(module: str, amount: int) -> Check:
        found = Breakdown.of({(module, "activations"): amount})
        check = exact(PEAK, amount, Verdict.OK)
        return replace(check, measurements=(replace(check.measurements[0], breakdown=found),))

    def parts() -> set[str]:
        view = store.find("portable", CheckKey(INFERENCE, PEAK.name))
        assert view is not None
        assert view.breakdown is not None
        return {item.module for item in view.breakdown.items}

    for check, expected in ((of("layer1", 1000), "layer1"), (of("stages.0", 1000), "stages.0")):
        accept(session(check), store)
        assert parts() == {expected}
    # Within its band the value stays, and with it what it is the sum of.
    accept(session(of("stem", 1001)), store)
    assert parts() == {"stages.0"}


def test_an_entry_whose_breakdown_does_not_add_up_is_refused() -> None:
    line = Breakdown.of({("", "a"): 2}).text()
    fields = {"case": "c", "value": 3, "unit": "count", "better": "lower", "accepted": "s"}
    with pytest.raises(ValidationError, match="not what its breakdown adds up to, which is 2"):
        Entry.model_validate({**fields, "breakdown": line})
    with pytest.raises(ValidationError, match="no packed breakdown"):
        Entry.model_validate({**fields, "breakdown": "a line"})


def output(*parts: str, trailed: bool = True) -> Check:
    check = exact(METRICS["output"], 1.0, Verdict.OK)
    trail = Trail(tuple(Step(part, 1.0, (0.5,)) for part in parts)) if trailed else None
    made = replace(check.measurements[0], observations=Observations(Observed.NUMBERS, (1.0,)), trail=trail)
    return replace(check, measurements=(made,))


def test_the_way_to_an_output_is_accepted_with_it_and_anew_where_its_parts_have_other_names(
    store: BaselineStore,
) -> None:
    def parts() -> tuple[str, ...] | None:
        view = store.find("portable", CheckKey(INFERENCE, "output"))
        assert view is not None
        return view.trail and view.trail.parts

    for check, kind in (
        (output(trailed=False), ChangeKind.NEW),
        (output("stem", "head"), ChangeKind.REANCHORED),
        (output("stem", "head"), ChangeKind.UNCHANGED),
        (output("stem", "fc"), ChangeKind.REANCHORED),
    ):
        assert [change.kind for change in accept(session(check), store).changes] == [kind]
    assert parts() == ("stem", "fc")


def test_an_entry_whose_trail_is_none_is_refused() -> None:
    fields = {"case": "c", "value": 3, "unit": "count", "better": "lower", "accepted": "s"}
    with pytest.raises(ValidationError, match="no packed trail"):
        Entry.model_validate({**fields, "trail": "a line"})
