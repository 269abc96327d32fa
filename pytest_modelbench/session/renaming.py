"""Baselines whose test is gone, and tests that have none: which may be the same, and how they would then stand."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from pytest_modelbench.core.measurement import CheckKey
from pytest_modelbench.core.renames import Described, Move, matches, moves
from pytest_modelbench.core.session import Absence, Absent, Check, Renamed
from pytest_modelbench.core.verdicts import Verdict
from pytest_modelbench.session.gate import Gate

#: What nothing measures of all entries with a baseline.
AbsentOf = Callable[[Iterable[CheckKey]], Iterable[Absent]]
#: A check, and the gate of its environment.
Judged = tuple[Check, Gate]


@dataclass(frozen=True, slots=True)
class Known:
    """Tests with baselines: those that are gone, and the ids of all."""

    gone: Sequence[Described]
    stored: Collection[str]


class Renames:
    """Tells of tests that have no baseline which gone ones they may be; ``absent_of`` is known once all is collected.

    Nothing is compared by that before the renaming is made: the gate is as closed as before.
    """

    def __init__(self) -> None:
        self.absent_of: AbsentOf = lambda keys: ()
        self._known: dict[int, Known] = {}  #: by the number of gates that are open

    def of(self, judged: Sequence[Judged], gates: Sequence[Gate]) -> tuple[Renamed, ...]:
        """What the tests of ``judged`` checks may have been called before, in as few renamings as there can be."""
        new: dict[str, list[Judged]] = {}
        for check, gate in judged:
            if check.judgement.verdict is Verdict.NEW and not any(one.has_baseline(check.key.test) for one in gates):
                new.setdefault(check.key.test, []).append((check, gate))
        if not new:
            return ()
        known = self._of_gates(gates)
        described = [Described(test, {check.key.name: check.case.id for check, _ in of}) for test, of in new.items()]
        return tuple(_renamed(move, new) for move in moves(matches(known.gone, described), known.stored))

    def _of_gates(self, gates: Sequence[Gate]) -> Known:
        """What is stored, which is asked for every test without a baseline, and stays."""
        if len(gates) not in self._known:
            promised = {key for gate in gates for key in gate.promised()}
            gone = dict.fromkeys(one.key.test for one in self.absent_of(promised) if one.why is Absence.GONE)
            cases = ({name: case for gate in gates for name, case in gate.cases(test).items()} for test in gone)
            self._known[len(gates)] = Known(list(map(Described, gone, cases)), {key.test for key in promised})
        return self._known[len(gates)]


def _renamed(move: Move, new: dict[str, list[Judged]]) -> Renamed:
    as_if = [gate.as_if(check, old) for old, test in move.tests for check, gate in new[test]]
    return Renamed(move.old, move.new, move.tests, tuple(check for check in as_if if check))
