"""What workers reported of each test so far, what that amounts to, and what has to be measured next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from pytest_modelbench.core.case import Case
from pytest_modelbench.core.environment import Environment, differences, named
from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.core.measurement import CheckKey, Measurement
from pytest_modelbench.core.reasons import Disturbed, NotConfirmed, Reason
from pytest_modelbench.core.session import Check, TestResult
from pytest_modelbench.core.verdicts import Verdict
from pytest_modelbench.judge.procedure import Duet
from pytest_modelbench.judge.spread import UNKNOWN, Others, of_sample, speed
from pytest_modelbench.judge.state import Event, Next, Nothing, Pair, Round, State, following
from pytest_modelbench.session.deciding import Decider
from pytest_modelbench.session.entries import CheckProgress, Decision, ResultKey, TestEntry
from pytest_modelbench.session.gate import Gate
from pytest_modelbench.workers.runs import PairRun, TestRun, changes, disturbed


class Results:
    """Gathers what workers report and judges it, check by check; the `Decider` says how tests end.

    ``first`` is where checks begin: paired, where the session compares with code that is measured beside.
    """

    def __init__(self, decider: Decider, open_gate: Callable[[Environment], Gate], first: State = State.OPEN) -> None:
        self._decider = decider
        self._open_gate = open_gate
        self._first = first
        self._noisy: set[CheckKey] = set()
        self._pairs = Others()  #: how far pairs of each check spread, in the duet that runs
        self.start_s = 0.0  #: how long a process takes to its first test, as the last one told
        self.gates: dict[str, Gate] = {}
        self.entries: dict[str, TestEntry] = {}

    # --- where

    @property
    def environments(self) -> tuple[Environment, ...]:
        """Where the session measures, as far as workers have told."""
        return tuple(gate.environment for gate in self.gates.values())

    def environment_known(self, environment: Environment) -> None:
        """Open the baselines of ``environment``. The workers of one machine must all measure in the same one."""
        for known in self.environments:
            if moved := differences(known.identity, environment.identity):
                raise UsageError(f"the environment changed while the session ran: {named(moved)}; run it again")
        if environment.slug not in self.gates:
            self.gates[environment.slug] = self._open_gate(environment)

    # --- what is told

    def add(self, run: TestRun) -> None:
        """Take in a test's run in one process."""
        self.entry(run.test).runs.append(run)
        self._noisy.update(one.key for one in run.measurements if one.metric.noisy)

    def add_pair(self, run: PairRun, *, alone: bool) -> None:
        """Take in a test's run in one pair of processes; ``alone``: no rounds have measured it before."""
        entry = self.entry(run.test)
        entry.pairs.append(run)
        self._show_pairs(entry)
        if alone and run.candidate is not None:
            self.add(run.candidate)

    def _show_pairs(self, entry: TestEntry) -> None:
        """Let the other tests of the duet know how far pairs of this one spread."""
        last = entry.pairs[-1].candidate if entry.pairs else None
        for one in last.measurements if last is not None else ():
            if one.metric.noisy:
                self._pairs.show(*one.key, speed(one.value, one.metric.unit), of_sample(changes(entry.pairs, one.key)))

    def begin_duet(self, tests: Sequence[str]) -> None:
        """From now on pairs of ``tests`` are beside other code than before."""
        self._pairs = Others()
        for test in tests:
            entry = self.entry(test)
            entry.earlier, entry.pairs = [*entry.earlier, *entry.pairs], []

    def drop_cut(self, test: str) -> bool:
        """Whether the last pair of ``test`` was cut short; if so, it has not been."""
        entry = self.entries.get(test)
        pair = entry.pairs[-1] if entry and entry.pairs else None
        if entry is None or pair is None or not pair.cut:
            return False
        entry.pairs.pop()
        self._show_pairs(entry)
        entry.runs = [run for run in entry.runs if run is not pair.candidate]
        return True

    # --- what follows

    def entry(self, test: str) -> TestEntry:
        """What is known of ``test``, which may be nothing."""
        return self.entries.setdefault(test, TestEntry(self._first))

    def following(self, test: str) -> Next:
        """What has to be measured next of ``test``: a round before a pair, since all that is open shares it."""
        entry = self.entry(test)
        if entry.decision is not None:
            return Nothing()
        wanted = [following(progress.state, self._base(key, check)) for key, progress, check in entry.judged()]
        if not wanted or any(isinstance(one, Round) for one in wanted):
            return Round()
        return next((one for one in wanted if isinstance(one, Pair)), Nothing())

    def undecided(self, tests: Sequence[str]) -> list[str]:
        """Those of ``tests`` that have not ended."""
        return [test for test in tests if self.entry(test).decision is None]

    @property
    def any_undecided(self) -> bool:
        """Whether any test has not ended."""
        return any(entry.decision is None for entry in self.entries.values())

    def waiting(self, test: str, commit: str) -> int:
        """How many checks of ``test`` wait for pairs beside ``commit``."""
        entry = self.entry(test)
        return 0 if entry.decision is not None else sum(1 for _ in self._waiting(entry, commit))

    def bases(self, test: str) -> set[str]:
        """The commits beside which pairs are to decide something of ``test``."""
        judged = self.entry(test).judged()
        return {self._base(key, check) for key, progress, check in judged if progress.state is State.PAIRED}

    def is_unchanged(self, test: str) -> bool:
        """Whether nothing that varies differs, in ``test``, from when its baselines were recorded."""
        noisy = [check for check in self.entry(test).checks if check.metric.noisy]
        return bool(noisy) and all(check.judgement.verdict is Verdict.UNCHANGED for check in noisy)

    @property
    def noisy_checks(self) -> int:
        """How many checks share the error rate, as far as is known."""
        return len(self._noisy)

    @property
    def noisy_tests(self) -> int:
        """How many tests have such checks."""
        return len({key.test for key in self._noisy})

    @property
    def best_reference_s(self) -> float | None:
        """The reference's best time per call in this session; None while no process has told."""
        runs = (run for entry in self.entries.values() for run in entry.runs)
        return min((best for run in runs for one in run.measurements if (best := one.best_reference_s)), default=None)

    def timed(self, tests: Sequence[str]) -> list[str]:
        """Those of ``tests`` that timed anything, and so can be disturbed."""
        return [test for test in tests if self._timings(test)]

    def disturbance(self, tests: Sequence[str]) -> Disturbed | None:
        """What disturbed every single timing of ``tests``; None if any was left alone."""
        timings = [one for test in tests for one in self._timings(test)]
        processes = len({one.process for one in timings})
        if not timings or not all(one.quality.disturbed for one in timings):
            return None
        return Disturbed(processes, processes, timings[0].quality.disturbance)

    def _timings(self, test: str) -> list[Measurement]:
        return [one for run in self.entry(test).runs for one in run.measurements if one.quality.blocks]

    # --- what it amounts to

    def decide(self, test: str, *, last_round: bool) -> Decision | None:
        """How ``test`` ends, or None if something has to be measured first."""
        entry = self.entries[test]
        decision = self._decider.by_itself(entry, entry.runs[-1], self._has_baseline(test))
        if decision is None:
            for key, measurements in entry.measurements.items():
                progress = entry.progress(key)
                # What is decided at one look is not looked at again; exact values may still turn out to differ.
                if not measurements[-1].metric.noisy or progress.state not in (State.PAIRED, State.SETTLED):
                    self._judge(key, progress, measurements)
            self._escalate_together(entry, last_round)
            decision = self._by_checks(test, entry)
        entry.decision = decision
        return decision

    def decide_beside(self, test: str, duet: Duet, *, last_pair: bool) -> Decision | None:
        """How ``test`` ends after its pairs so far, or None if something has to be measured first.

        ``duet`` without changes says what they mean: beside which base, at which looks, sharing an error rate.
        """
        entry = self.entries[test]
        pair = entry.pairs[-1]
        assert pair.candidate is not None  # `run_pair` puts a run in its place, which says what happened
        decision = self._decider.by_itself(entry, pair.candidate, self._has_baseline(test))
        if decision is not None:
            if entry.runs[-1:] != [pair.candidate]:
                entry.runs.append(pair.candidate)  # what pytest is told is what happened last
        elif pair.absent and not duet.stored:
            self._judge_new(entry)
            decision = self._by_checks(test, entry)
        elif pair.obstacle and not (last_pair or entry.obstacle):
            return None
        elif pair.obstacle and duet.stored:
            return self.decide_alone(test, duet.commit, NotConfirmed(duet.base, self._decider.advised(pair.obstacle)))
        elif pair.obstacle:
            decision = self._decider.not_comparable(duet.base, pair.obstacle)
        elif not duet.stored and (gone := entry.gone):
            decision = self._decider.gone(test, duet.base, gone)
        else:
            self._judge_beside(entry, duet, last_pair)
            decision = self._by_checks(test, entry)
        entry.decision = decision
        return decision

    def moved(self, test: str, duet: Duet) -> bool:
        """Whether ``duet`` has found a time of ``test`` another one since this was asked last, or could not tell."""
        found = [one for one in self.entries[test].course.values() if _moved_by(one, duet) and not one.located]
        for progress in found:
            progress.located = True
        return bool(found)

    def place(self, run: PairRun, duet: Duet) -> None:
        """Take in where the time goes of what ``duet`` found moved; how a decided test ended stays."""
        entry = self.entries[run.test]
        told = None if entry.decision is None else self._by_checks(run.test, entry)
        for key, progress, check in list(entry.judged()):
            if check.judgement.where or not _moved_by(progress, duet):
                continue
            if (placed := run.placed(key.check, check.judgement.verdict)) is not None:
                progress.check = replace(check, judgement=check.judgement.noted(placed))
        if told is not None and told == entry.decision:  # and not what the test, or the other code, decided
            entry.decision = self._by_checks(run.test, entry)

    def decide_alone(self, test: str, commit: str, reason: NotConfirmed) -> Decision | None:
        """How ``test`` ends on what is stored, since its pairs beside ``commit`` told nothing; ``reason`` says why.

        None if another duet, or further processes, have something left to decide.
        """
        entry = self.entries[test]
        measurements = entry.measurements
        for key, progress in list(self._waiting(entry, commit)):
            progress.unconfirmed = reason
            progress.move(Event.UNPAIRED)
            self._judge(key, progress, measurements[key])
        entry.decision = self._by_checks(test, entry)
        return entry.decision

    def give_up(self, test: str, reason: Reason) -> Decision:
        """How ``test`` ends since no more will be measured, as ``reason`` says: what is open stays inconclusive."""
        entry = self.entry(test)
        decision = self._decider.by_itself(entry, entry.runs[-1], self._has_baseline(test)) if entry.runs else None
        if decision is None:
            for key, measurements in entry.measurements.items():
                progress = entry.progress(key)
                if progress.check is None and not entry.pairs:
                    self._judge(key, progress, measurements)
                progress.leave_open(reason)
            decision = self._decider.given_up(reason, measured=bool(entry.checks))
            if decision is None:
                decision = self._by_checks(test, entry)
        assert decision is not None  # nothing is open any more
        entry.decision = decision
        return decision

    def results(self) -> list[TestResult]:
        """How every decided test ended."""
        return [result for test, entry in self.entries.items() if (result := entry.result(test))]

    def checks(self) -> list[Check]:
        """Every check judged so far."""
        return [check for entry in self.entries.values() for check in entry.checks]

    # --- one check

    def _judge(self, key: ResultKey, progress: CheckProgress, measurements: Sequence[Measurement]) -> None:
        """Judge a check by what its pairs told, or on what is stored alone if they told nothing."""
        alone = progress.unconfirmed is not None
        check, event = self.gates[key.environment].check(
            measurements, len(self._noisy), progress.duet, confirm=not alone
        )
        if progress.unconfirmed is not None:
            check = replace(check, judgement=check.judgement.noted(progress.unconfirmed))
        if check.judgement.more is not None:
            entry, paired = self.entries[key.test], bool(check.judgement.pairs)
            each_s = entry.seconds_each(paired=paired, start_s=self.start_s)
            more_s = None if each_s is None else check.judgement.more * each_s
            check = replace(check, judgement=replace(check.judgement, more_s=more_s))
        progress.take(check, event)

    def _judge_beside(self, entry: TestEntry, duet: Duet, last_pair: bool) -> None:
        """Judge by the pairs so far what ``duet`` is to decide of a test."""
        for key, measurements in entry.measurements.items():
            progress = entry.progress(key)
            of_this = not duet.stored or (progress.check and self._base(key, progress.check) == duet.commit)
            if progress.state is not State.PAIRED or not of_this:
                continue
            told, last = changes(entry.pairs, key.check), measurements[-1]
            noisy = last.metric.noisy
            progress.duet = replace(
                duet,
                changes=tuple(told),
                pairs=len(entry.pairs),
                disturbed=disturbed(entry.pairs, key.check),
                before=len(measurements),
                expected=self._pairs.expected(key.test, speed(last.value, last.metric.unit)) if noisy else UNKNOWN,
            )
            self._judge(key, progress, measurements)
            if last_pair and progress.state is State.PAIRED:
                progress.move(Event.GIVEN_UP)

    def _judge_new(self, entry: TestEntry) -> None:
        """Judge what the base does not have: it is new, and no further pair would tell otherwise."""
        for key, measurements in entry.measurements.items():
            check, _ = self.gates[key.environment].check(measurements, len(self._noisy))
            entry.progress(key).take(check, Event.DECIDED)

    def _escalate_together(self, entry: TestEntry, last_round: bool) -> None:
        """What is open of a test goes along where pairs decide some of it, and all of it can be measured beside.

        After the last round, what cannot be escalated stays as it was judged.
        """
        stored = [(key, progress, check) for key, progress, check in entry.judged() if progress.state is State.STORED]
        bases = {key: self._base(key, check) for key, _, check in stored}
        some = any(progress.state is State.PAIRED for progress in entry.course.values())
        unpairable = any(progress.state is State.AFTER for progress in entry.course.values())
        together = some and all(bases.values()) and not unpairable
        for key, progress, _ in stored:
            if bases[key] and (together or last_round):
                progress.move(Event.ESCALATED)
            elif last_round:
                progress.move(Event.GIVEN_UP)

    def _waiting(self, entry: TestEntry, commit: str) -> list[tuple[ResultKey, CheckProgress]]:
        return [
            (key, progress)
            for key, progress, check in entry.judged()
            if progress.state is State.PAIRED and self._base(key, check) == commit
        ]

    def _base(self, key: ResultKey, check: Check) -> str:
        return self.gates[key.environment].base_of(check)

    def _by_checks(self, test: str, entry: TestEntry) -> Decision | None:
        """How a test ends by its checks, once none of them is open."""
        if any(progress.state is not State.SETTLED for progress in entry.course.values()):
            return None
        checks = [(check, self.gates[key.environment]) for key, _, check in entry.judged()]
        return self._decider.by_checks(test, checks, list(self.gates.values()))

    def _has_baseline(self, test: str) -> bool:
        stored = any(gate.has_baseline(test) for gate in self.gates.values())
        return stored or bool(self.entry(test).gone)


#: Times of passes, which have parts; and what such a case's id has where these run out of sight.
_OF_PASSES = ("latency", "throughput")
_MOVED = frozenset({Verdict.REGRESSED, Verdict.IMPROVED, Verdict.INCONCLUSIVE})
_OUT_OF_SIGHT = ("compile", "cuda_graph")


def _moved_by(progress: CheckProgress, duet: Duet) -> bool:
    """Whether pairs beside the same code as those of ``duet`` are done with a time of passes, and it is not the same.

    Of passes that have parts.
    """
    check, of = progress.check, progress.duet
    if check is None or of is None or progress.state is not State.SETTLED or of.base != duet.base:
        return False
    moved = check.judgement.verdict in _MOVED and check.judgement.pairs > 0
    passes = check.metric.name in _OF_PASSES and isinstance(check.case, Case)
    return moved and passes and not any(word in check.case.id for word in _OUT_OF_SIGHT)
