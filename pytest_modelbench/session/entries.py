"""What is known of one test: its runs, its pairs, its checks, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from pytest_modelbench.core.records import CheckKey, Record
from pytest_modelbench.core.session import Check
from pytest_modelbench.core.verdicts import Duet, Verdict
from pytest_modelbench.workers.pairs import PairRun
from pytest_modelbench.workers.rounds import TestRun


@dataclass(frozen=True, slots=True)
class Decision:
    """How a test ends. ``own``: the test itself decided it, by a failing assertion, an error or a skip."""

    outcome: str  #: passed, failed, skipped or inconclusive
    message: str = ""
    headline: str = ""  #: the message in one line
    own: bool = False


@dataclass(slots=True)
class Entry:
    """Everything known of one test."""

    runs: list[TestRun] = field(default_factory=list)
    pairs: list[PairRun] = field(default_factory=list)  #: of the duet that runs, or ran last
    earlier: list[PairRun] = field(default_factory=list)  #: of duets before that, beside other commits
    duets: dict[CheckKey, Duet] = field(default_factory=dict)  #: what a duet told of a check
    unconfirmed: dict[CheckKey, str] = field(default_factory=dict)  #: why a duet told nothing of a check
    checks: dict[CheckKey, Check] = field(default_factory=dict)
    decision: Decision | None = None

    @property
    def records(self) -> dict[CheckKey, list[Record]]:
        """Records of every check, one a process."""
        grouped: dict[CheckKey, list[Record]] = {}
        for run in self.runs:
            for record in run.records:
                grouped.setdefault(record.key, []).append(record)
        return grouped

    @property
    def duration_s(self) -> float:
        """Time spent in all processes."""
        twins = (twin for pair in (*self.earlier, *self.pairs) for twin in (pair.old, pair.new) if twin)
        return sum(run.duration_s for run in {id(run): run for run in (*self.runs, *twins)}.values())

    @property
    def escalated(self) -> bool:
        """Whether a duet is to decide some check."""
        return any(check.judgement.escalated for check in self.checks.values())

    @property
    def gone(self) -> list[CheckKey]:
        """Checks that only the code compared with measures."""
        there = {record.key for pair in self.pairs if pair.old for record in pair.old.records}
        return sorted(there - set(self.records))

    @property
    def obstacle(self) -> str:
        """Why pairs compare nothing, once two in a row did not; one may be chance."""
        last = [pair.obstacle for pair in self.pairs[-2:]]
        return last[-1] if len(last) == 2 and all(last) else ""


def failed(text: str) -> Decision:
    """The gate fails the test; the first line of ``text`` is the headline."""
    return Decision("failed", text, text.splitlines()[0])


def left_open(check: Check, note: str) -> Check:
    """``check``, inconclusive for good, as ``note`` says."""
    judgement = check.judgement.noted(note)
    judgement = replace(judgement, verdict=Verdict.INCONCLUSIVE, settled=True, escalated=False, after_duet=False)
    return replace(check, judgement=judgement)
