"""A session's course: rounds and pairs run, tests emitted as they are decided, results kept."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from pytest_modelbench.core.blocks import Enough
from pytest_modelbench.core.environment import Environment, Fact
from pytest_modelbench.core.errors import BaselineError, UsageError
from pytest_modelbench.core.listed_models import is_listed
from pytest_modelbench.core.metrics import Scope
from pytest_modelbench.core.reasons import Disturbed, NotEverywhere, OutOfBudget, Reason
from pytest_modelbench.core.settings import Settings
from pytest_modelbench.host.interrupts import deferred_interrupts
from pytest_modelbench.host.nvml import why_unseen
from pytest_modelbench.host.run_delay import waits_are_told
from pytest_modelbench.judge.paired import AFRESH
from pytest_modelbench.judge.state import Round, State
from pytest_modelbench.report.progress import Stage, early_advice
from pytest_modelbench.session.around import Around
from pytest_modelbench.session.aside import aside_in_workers
from pytest_modelbench.session.commands import Commands
from pytest_modelbench.session.confirming import Confirmation, Recourses
from pytest_modelbench.session.deciding import Decider, Rule
from pytest_modelbench.session.entries import Decision
from pytest_modelbench.session.gate import Gate, Policy
from pytest_modelbench.session.launch import Launcher, Tree
from pytest_modelbench.session.marks import Marks
from pytest_modelbench.session.measured import MeasuredBaselines
from pytest_modelbench.session.nights import nights_folder
from pytest_modelbench.session.pairing import Pairing
from pytest_modelbench.session.progress import Progress
from pytest_modelbench.session.refusing import as_usage_error
from pytest_modelbench.session.renaming import Renames
from pytest_modelbench.session.replay import Replayer
from pytest_modelbench.session.results import Results
from pytest_modelbench.session.warned import WorkerWarnings
from pytest_modelbench.store.baselines import BaselineStore
from pytest_modelbench.store.nights import Nights, NightsFile
from pytest_modelbench.store.whole import check_own_name, check_whole
from pytest_modelbench.vcs.git import sources
from pytest_modelbench.vcs.listing import tracked_below
from pytest_modelbench.workers.driver import Heard
from pytest_modelbench.workers.events import Hello, Noted, Quiet, Started
from pytest_modelbench.workers.notes import write_note
from pytest_modelbench.workers.rounds import Limits, RoundPlan, run_rounds
from pytest_modelbench.workers.runs import PairRun, TestRun

#: Processes that tell whether a machine is too busy for a baseline: one may have had a bad place.
HOPELESS_AFTER = 2
_WAITS_UNKNOWN = (
    "this system does not tell how long a thread waits for its core, so that whatever else runs disturbs times"
)
_APART = (
    "{}: its models of both sides do not fit in the device's memory together, so that they were measured one after the "
    "other, which takes more pairs to tell as much"
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a session was asked to do."""

    settings: Settings
    looks: tuple[int, ...]
    commands: Commands
    updating: bool
    even_if_disturbed: bool = False  #: accepts what was measured while the machine was disturbed, too
    #: what is read and run beside what is committed and installed, as facts of the session's provenance
    beside: Callable[[], Mapping[str, Fact]] = dict


class SessionRunner:
    """Runs one session in the controlling process; it hears of its rounds and pairs."""

    def __init__(self, config: pytest.Config, wanted: Wanted) -> None:
        settings = wanted.settings
        self.config = config
        self.settings = settings
        self.commands = wanted.commands
        self.updating = wanted.updating
        self.even_if_disturbed = wanted.even_if_disturbed
        self._beside = cache(wanted.beside)
        self.stamp, self.unread = sources(config.rootpath)
        self.store = BaselineStore(config.rootpath / settings.baselines)
        self._commits: dict[str, set[str | None]] | None = None  #: by test, what its baselines of times are from
        self.nights: dict[str, Nights] = {}  #: by environment, what earlier sessions left
        #: what the session compares with in place of what is stored, for people
        self.against = " with ".join(filter(None, [settings.against, settings.against_python]))
        around = Around(config.rootpath, self._path_of, lambda test: self.results.entry(test), settings.against)
        rule = Rule(self.stamp.id, wanted.updating, wanted.even_if_disturbed)
        self.renames = Renames()
        self.decider = Decider(settings, wanted.commands, rule, around, self.renames)
        self.results = Results(self.decider, self._open_gate, State.PAIRED if self.against else State.OPEN)
        self.complete = False
        self.processes = 0
        self._recourses = Recourses(config.rootpath, settings, inline=config.option.modelbench_inline)
        self._policy = Policy(settings, wanted.looks, wanted.updating, self._recourses, bool(self.against), around.idle)
        self._launcher = Launcher(config, settings)
        self._replayer = Replayer(config)
        self._looks_ahead = wanted.looks
        self._rounds = 0
        self._begun_s: float | None = None  #: when the process or pair was started that runs no test yet
        self._hopeless: Disturbed | None = None
        self._started_s = time.monotonic()
        self._duration_s: float | None = None
        self._budget_s = min(settings.budget_s or math.inf, _session_timeout_s(config))
        self._items: dict[str, pytest.Item] = {}
        self._marks = Marks({})
        self._warnings = WorkerWarnings(config)
        self._progress: Progress | None = None
        self._session: pytest.Session | None = None
        if not self.against:
            self._check_store()

    def _check_store(self) -> None:
        """Raise before anything is measured: baselines that cannot be read or written make a night worthless."""
        folder = self.store.folder
        if folder.is_symlink() and not folder.exists():
            raise UsageError(f"{self.commands.baselines} is a link that leads nowhere; no baseline can be found there")
        if self.updating:
            self.store.check_writable()
        self.store.load("portable")
        self._check_whole("portable")

    def _check_whole(self, *folders: str) -> None:
        """Raise BaselineError for damage that looks like nothing; what is written anew need not be whole."""
        for folder in folders if not (self.updating or self.against) else ():
            check_whole(self.store.folder, folder, self.store.contents(folder), tracked_below)

    def _open_gate(self, environment: Environment) -> Gate:
        self._check_whole(*dict.fromkeys(environment.folder(scope) for scope in Scope))
        if not (self.updating or self.against or self.store.holds_any(environment.slug)):
            check_own_name(self.store.folder, environment, self.store.identities())
        if self.against:
            return Gate(MeasuredBaselines(lambda test: self.results.entry(test).pairs), environment, self._policy)
        return Gate(self.store, environment, self._policy, self._nights(environment))

    def _nights(self, environment: Environment) -> Nights:
        """What earlier sessions left to learn from; a cache that cannot be used is told, and teaches nothing."""
        try:
            if self.nights_folder:
                self.nights[environment.slug] = NightsFile(self.nights_folder, environment).read()
        except BaselineError as error:
            self.decider.warnings.append(f"nothing is learned from earlier sessions: {error}")
        return self.nights.get(environment.slug, Nights())

    @property
    def nights_folder(self) -> Path | None:
        """Where sessions leave what later ones learn from; None without pytest's cache (``-p no:cacheprovider``)."""
        return nights_folder(getattr(self.config, "cache", None))

    def here(self) -> Tree:
        """The working tree."""
        return self._launcher.here()

    # --- the session

    def run(
        self, session: pytest.Session, marks: Marks, course: Callable[[Pairing, Sequence[str]], None] | None = None
    ) -> None:
        """Measure and decide all of the session's tests; or have another ``course`` measure them, in pairs."""
        self._session, self._marks = session, marks
        self._progress = Progress(self.config, fixed=self.updating)
        self.config.pluginmanager.register(self._replayer)
        self._items = {item.nodeid: item for item in session.items}
        self._launcher.paths = {test: Path(item.path) for test, item in self._items.items()}
        self._launcher.aside = aside_in_workers(session.items)
        self._launcher.enough = self._enough
        with deferred_interrupts():
            try:
                pairing = Pairing(self._launcher, self, self._timeout_s)
                if course is not None:
                    course(pairing, list(self._items))
                else:
                    self._measure(pairing, self.stamp.started if self.settings.order == "random" else None)
                self.complete = True
            finally:
                self._progress.clear()
                self._duration_s = time.monotonic() - self._started_s

    def _measure(self, pairing: Pairing, seed: str | None) -> None:
        tests = list(self._items)
        confirmation = Confirmation(self.settings, self.results, pairing, self._launcher.here(), self)
        if self.against:
            confirmation.against(tests, seed)
        else:
            self._run_rounds(tests, seed)
            if (open_ := self._to_go_on_with(tests)) and not self._hopeless:
                confirmation.confirm(open_, seed)
                # What stands out all the same, or had no pairs after all, is measured again.
                if left := self._to_go_on_with(tests):
                    self._looks_ahead = tuple(self._rounds + more for more in (AFRESH, self._policy.looks[-1]))
                    self._run_rounds(left, seed)
        reason = self._why_it_ends()
        for test in self.results.undecided(tests):
            self.decided(test, self.results.give_up(test, reason))

    def _path_of(self, test: str) -> Path | None:
        return None if is_listed(test) else self._launcher.paths.get(test)

    def _enough(self, test: str, process: int) -> Enough:
        """How many blocks ``test`` is asked for in a process.

        More than planned bring processes closer together. A baseline has many processes, a first one has nothing to be
        close to, and what is unchanged is so wherever its time lies.
        """
        if self.updating:
            return Enough.PLANNED
        if process > 1:
            return Enough.FEWEST if self.results.is_unchanged(test) else Enough.AGREEING
        # Whether versions are the same as well, its process will tell.
        return Enough.FEWEST if self._of_same_code(test) else Enough.PLANNED

    def _of_same_code(self, test: str) -> bool:
        """Whether the code is that of whatever baselines of times ``test`` has."""
        if self._commits is None:
            self._commits = self.store.commits_of_times()
        commits = self._commits.get(test, set())
        return bool(commits) and all(self._recourses(commit).same_code for commit in commits)

    def _to_go_on_with(self, tests: Sequence[str]) -> list[str]:
        return [] if self.out_of_time() else self.results.undecided(tests)

    def _run_rounds(self, tests: Sequence[str], seed: str | None) -> None:
        plan = RoundPlan(self._policy.looks[-1], seed, first=self._rounds + 1)
        limits = Limits(self._timeout_s, self.out_of_time)
        run_rounds(tests, self._launcher.worker, self, plan, limits)

    def _why_it_ends(self) -> Reason:
        if self._hopeless is not None:
            return self._hopeless
        if not self.out_of_time():
            return NotEverywhere()
        ours = self._budget_s == self.settings.budget_s
        return OutOfBudget(self._budget_s) if ours else OutOfBudget(self._budget_s, "--session-timeout")

    @property
    def duration_s(self) -> float:
        """How long the session has taken, or took."""
        return self._duration_s if self._duration_s is not None else time.monotonic() - self._started_s

    def stored_of_module(self, module: str) -> int:
        """How many baseline entries tests of the module at this path have where the session measured."""
        return sum(gate.stored_of_module(module) for gate in self.results.gates.values())

    # --- time

    def _timeout_s(self, test: str | None) -> float:
        # A worker that is still at it when the budget is over is ended like one that hangs.
        left_s = max(0.0, self._started_s + self._budget_s - time.monotonic())
        return min(self._marks.timeout_s(test, self.settings.timeout_s), left_s)

    def out_of_time(self) -> bool:
        """Whether the session's budget is over."""
        return time.monotonic() >= self._started_s + self._budget_s

    # --- what workers tell

    def heard(self, event: Heard) -> None:
        """Open the baselines, at the first worker; show which test runs; pass warnings and notes on."""
        if isinstance(event, Hello):
            self.environment_known(event.environment)
        elif isinstance(event, Started):
            if self._begun_s is not None:
                self.results.start_s, self._begun_s = time.monotonic() - self._begun_s, None
            self._shown().test_started(event.test)
        elif isinstance(event, Quiet):
            self._shown().waited()
        elif isinstance(event, Noted):
            write_note(self.config, event)
        else:
            self._warnings.hand_on(event)

    def environment_known(self, environment: Environment) -> None:
        """Open the baselines of where a process measures, which the session knows more of than the process."""
        # Outside git nothing can be known to be the same, whatever lies there.
        known = {**environment.provenance, **(self._beside() if self.stamp.commit else {})}
        if environment.kind == "cpu" and not self.results.environments and not waits_are_told():
            self.decider.warnings.append(_WAITS_UNKNOWN)
        if environment.kind.startswith("cuda-") and not self.results.environments and (why := why_unseen()):
            self.decider.warnings.append(f"the GPU's clocks, temperature and other users are not watched: {why}")
        self.results.environment_known(replace(environment, provenance=known))

    # --- what rounds tell

    def round_started(self, number: int, tests: Sequence[str]) -> None:
        """Count, and show."""
        self._begun_s = time.monotonic()
        self.processes += 1
        self._rounds = number
        self._launcher.best_reference_s = self.results.best_reference_s
        self._shown().round_started(number, self._looks_ahead, tests)

    def test_ended(self, run: TestRun) -> None:
        """Decide the test if it can be decided, and tell pytest."""
        self.results.add(run)
        self._shown().test_ended(run)
        noisy = any(one.metric.noisy for one in run.measurements)
        if run.process > 1 or not noisy or run.trouble:
            self._decide(run.test)

    def round_ended(self, number: int) -> None:
        """Decide what the first round settles, now that all checks are known; give up where the second was hopeless."""
        if number == 1:
            open_ = self.results.undecided(list(self.results.entries))
            if disturbed := self.results.disturbance(self.results.timed(open_)):
                self._shown().advise(early_advice(disturbed, updating=self.updating and not self.even_if_disturbed))
            for test in open_:
                self._decide(test)
        if number == HOPELESS_AFTER and self.updating and not self.even_if_disturbed:
            open_ = self.results.undecided(list(self.results.entries))
            self._hopeless = self.results.disturbance(self.results.timed(open_))

    def unsettled(self, tests: Sequence[str]) -> Sequence[str]:
        """Tests that another round may decide."""
        given_up = self.results.timed(tests) if self._hopeless is not None else ()
        return [test for test in tests if test not in given_up and isinstance(self.results.following(test), Round)]

    # --- what pairs tell

    def pairs_started(self, number: int, looks: Sequence[int], tests: Sequence[str], beside: str) -> None:
        """Count, and show."""
        self._begun_s = time.monotonic()
        self.processes += 2
        self._shown().round_started(number, looks, tests, beside)

    def placing_started(self, tests: Sequence[str], beside: str) -> None:
        """Count, and show."""
        self.processes += 2
        self._shown().round_started(1, (1,), tests, beside, Stage.PLACING)

    def search_started(self, number: int, tests: Sequence[str], beside: str) -> None:
        """Count, and show."""
        self._begun_s = time.monotonic()
        self.processes += 2
        self._shown().round_started(number, (number,), tests, beside, Stage.SEARCHING)

    def tell(self, line: str) -> None:
        """Say at once what became known."""
        self._shown().advise(line)

    def pair_ended(self, run: PairRun) -> None:
        """Show, and say what was measured otherwise than a duet is meant to be."""
        if run.apart and (told := _APART.format(run.test)) not in self.decider.warnings:
            self.decider.warnings.append(told)
        if run.candidate is not None:
            self._shown().test_ended(run.candidate)

    def decided(self, test: str, decision: Decision) -> None:
        """Tell pytest."""
        assert self._session is not None
        self._shown().clear()
        self._replayer.replay(self._items[test], self.results.entries[test], decision)
        if self._session.shouldfail:
            raise self._session.Failed(self._session.shouldfail)
        if self._session.shouldstop:
            raise self._session.Interrupted(self._session.shouldstop)

    def _shown(self) -> Progress:
        assert self._progress is not None  # made by `run`, which everything that is told comes from
        return self._progress

    def _decide(self, test: str) -> None:
        entry = self.results.entries[test]
        with as_usage_error():
            decision = self.results.decide(test, last_round=len(entry.runs) >= self._policy.looks[-1])
        if decision is not None:
            self.decided(test, decision)


def _session_timeout_s(config: pytest.Config) -> float:
    """What pytest-timeout allows the whole session; workers do not look at it, as each would begin anew."""
    given: Any = getattr(config.option, "session_timeout", None)
    if given is None and config.pluginmanager.has_plugin("timeout"):
        given = config.getini("session_timeout")
    return float(given or math.inf)
