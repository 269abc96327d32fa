"""What measurements amount to in one environment: checks against its baselines, and outcomes of tests."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from pytest_modelbench.core.environment import Environment, Fact
from pytest_modelbench.core.measurement import CheckKey, Measurement
from pytest_modelbench.core.metrics import Scope
from pytest_modelbench.core.session import Check, Outcome
from pytest_modelbench.core.settings import Settings
from pytest_modelbench.core.verdicts import BaselineView, Verdict
from pytest_modelbench.judge.judging import judge
from pytest_modelbench.judge.procedure import Compared, Duet, Procedure
from pytest_modelbench.judge.state import Event
from pytest_modelbench.session.learning import Learning
from pytest_modelbench.store.nights import Nights

#: Processes that have to agree on a deterministic value before it becomes a baseline.
SEEN_IN = 2
NO_NIGHTS = Nights()


class Baselines(Protocol):
    """What is needed of the store; `store.baselines.BaselineStore` is the real one."""

    def load(self, folder: str) -> None:
        """Read one folder."""

    def holds_any(self, folder: str) -> bool:
        """Whether the folder has any entry."""

    def find(self, folder: str, key: CheckKey) -> BaselineView | None:
        """The entry of one check."""

    def keys(self, folder: str) -> list[CheckKey]:
        """The checks that the folder has entries of."""


@dataclass(frozen=True, slots=True)
class Recourse:
    """What can be done about a check that a stored baseline does not clear; by default nothing but more processes."""

    duet: bool = False  #: measure the code of the baseline beside the present one
    same_code: bool = False  #: nothing: the code is that of the baseline
    why_none: str = ""  #: for people, where there is no duet and the code is another one


@dataclass(frozen=True, slots=True)
class Policy:
    """How a session judges: at which looks, by which settings, and what it can do where what is stored is not enough.

    ``recourse`` says that of checks whose baseline was recorded from a commit; None stands for an unknown one.
    ``idle`` names what of that which changed since its baseline a test does not use.
    """

    settings: Settings
    looks: tuple[int, ...]
    updating: bool = False
    recourse: Callable[[str | None], Recourse] = lambda commit: Recourse()
    against: bool = False  #: compares with other code that is measured, and not with what is stored
    idle: Callable[[str, BaselineView, Mapping[str, Fact]], frozenset[str]] = lambda test, baseline, now: frozenset()


class Gate:
    """Judges checks in one environment.

    Opening it loads the baselines; BaselineError says which file cannot be trusted. ``nights`` are those of earlier
    sessions, to learn from.
    """

    def __init__(self, store: Baselines, environment: Environment, policy: Policy, nights: Nights = NO_NIGHTS) -> None:
        self._store = store
        self.environment = environment
        self._policy = policy
        folders = tuple(dict.fromkeys(environment.folder(scope) for scope in Scope))
        for folder in folders:
            store.load(folder)
        self._stored: dict[str, set[tuple[str, CheckKey]]] = {}
        for folder in folders:
            for key in store.keys(folder):
                self._stored.setdefault(key.test, set()).add((folder, key))
        own = environment.slug
        self._learning = Learning(nights, lambda key: store.find(own, key), store.keys(own))

    def check(
        self, measurements: Sequence[Measurement], noisy_checks: int, duet: Duet | None = None, *, confirm: bool = True
    ) -> tuple[Check, Event]:
        """One check judged, and what that means for its state; ``noisy_checks`` of the session share the error rate.

        ``confirm=False``: on the stored baseline alone, whatever else could be done.
        """
        last = measurements[-1]
        folder = self.environment.folder(last.metric.scope)
        baseline = self._store.find(folder, last.key)
        # Asking costs git calls: not for what is decided without, and not where everything is accepted anyway.
        asked = confirm and last.metric.noisy and baseline is not None and duet is None and not self._policy.updating
        recourse = self._policy.recourse(baseline.commit) if asked and baseline else Recourse()
        compared = self._compared(last.key.test, measurements, baseline)
        ruling = judge(
            self._learning.taught(compared) if last.metric.scope is Scope.DEVICE else compared,
            Procedure(
                self._policy.looks,
                noisy_checks,
                recourse.duet,
                recourse.same_code,
                recourse.why_none,
                exact=min(SEEN_IN, self._policy.looks[-1]) if self._policy.updating else 1,
            ),
            duet,
        )
        check = Check(
            last.key, last.metric, last.case, tuple(one.without_sample_names() for one in measurements),
            ruling.judgement, folder, baseline, self.environment.slug, duet.changes if duet else (),
        )  # fmt: skip
        return check, ruling.event

    def _compared(self, test: str, measurements: Sequence[Measurement], baseline: BaselineView | None) -> Compared:
        now = self.environment.provenance
        compared = Compared(measurements, baseline, self.environment.identity, now)
        if baseline is None or not measurements[-1].metric.noisy:
            return compared
        return replace(compared, idle=self._policy.idle(test, baseline, now))

    def base_of(self, check: Check) -> str:
        """The commit beside which a duet could decide ``check``; empty if none can."""
        commit = check.baseline.commit if check.baseline and check.metric.noisy and not self._policy.updating else None
        return commit if commit and self._policy.recourse(commit).duet else ""

    def outcome(self, check: Check) -> Outcome:
        """How a test ends by this check."""
        verdict = check.judgement.verdict
        if verdict in (Verdict.REGRESSED, Verdict.INCOMPARABLE):
            return Outcome.FAILED
        if check.judgement.machine_moved:
            return Outcome.FAILED if self._policy.settings.machine == "fail" else Outcome.PASSED
        if verdict is Verdict.NEW:
            if self._policy.against:
                return Outcome.PASSED  # what the other code lost is told by `gone`: nothing is hidden by a new name
            gated = self._store.holds_any(check.folder) or self._policy.settings.missing == "fail"
            return Outcome.FAILED if gated else Outcome.PASSED
        return Outcome.INCONCLUSIVE if verdict is Verdict.INCONCLUSIVE else Outcome.PASSED

    def unmeasured(self, test: str, checks: Iterable[Check]) -> list[CheckKey]:
        """Checks of ``test`` that have a baseline here, but are not among ``checks``, or moved to another folder."""
        measured = {(check.folder, check.key) for check in checks}
        return sorted(key for _, key in self._stored.get(test, set()) - measured)

    def stored_of_module(self, module: str) -> int:
        """How many baseline entries tests of the module at this path have here."""
        return sum(len(keys) for test, keys in self._stored.items() if test.partition("::")[0] == module)

    def has_baseline(self, test: str) -> bool:
        """Whether anything is stored for ``test`` here."""
        return test in self._stored

    def cases(self, test: str) -> dict[str, str]:
        """What is stored for ``test`` here: the case of each check, by its name."""
        views = ((key.name, self._store.find(folder, key)) for folder, key in self._stored.get(test, ()))
        return {name: view.case for name, view in views if view}

    def as_if(self, check: Check, test: str) -> Check | None:
        """``check`` as it would be judged if its test were called ``test``; None if nothing is stored of it there."""
        baseline = self._store.find(check.folder, CheckKey(test, check.key.name))
        if baseline is None:
            return None
        compared = self._compared(check.key.test, check.measurements, baseline)
        ruling = judge(compared, Procedure((len(check.measurements),)))
        return replace(check, measurements=(), judgement=ruling.judgement, baseline=baseline)

    def neighbours(self, check: Check) -> list[CheckKey]:
        """What else the check's folder holds: where a renamed test's baseline may be."""
        return self._store.keys(check.folder)

    def ungated(self, checks: Iterable[Check]) -> Mapping[str, int]:
        """For each folder that holds nothing at all, how many of ``checks`` it should have held."""
        counts: dict[str, int] = {}
        for check in checks:
            if not self._store.holds_any(check.folder):
                counts[check.folder] = counts.get(check.folder, 0) + 1
        return counts

    def promised(self) -> set[CheckKey]:
        """Every check that has a baseline here."""
        return {key for keys in self._stored.values() for _, key in keys}
