"""Baselines whose test is gone, and tests that have none: which may be the same, and how they would then stand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from pytest_modelbench.core.measurement import CheckKey
from pytest_modelbench.core.renames import Described, Move, matches, moves
from pytest_modelbench.core.session import Absence, Absent, Check, Renamed
from pytest_modelbench.core.verdicts import Verdict
from pytest_modelbench.session.gate import Gate

#: What nothing measures of all entries with a baseline.
AbsentOf = Callable[[Iterable[CheckKey]], Iterable[Absent]]
#: A check, and the gate of its environment.
Judged = tuple[Check, Gate]


class Renames:
    """Tells of tests that have no baseline which gone ones they may be; ``absent_of`` is known once all is collected.

    Nothing is compared by that before the renaming is made: the gate is as closed as before.
    """

    def __init__(self) -> None:
        self.absent_of: AbsentOf = lambda keys: ()
        self._gone: dict[int, list[str]] = {}  #: by how many entries were promised

    def of(self, judged: Sequence[Judged], gates: Sequence[Gate]) -> tuple[Renamed, ...]:
        """What the tests of ``judged`` checks may have been called before, in as few renamings as there can be."""
        new: dict[str, list[Judged]] = {}
        for check, gate in judged:
            if check.judgement.verdict is Verdict.NEW and not any(one.has_baseline(check.key.test) for one in gates):
                new.setdefault(check.key.test, []).append((check, gate))
        if not new:
            return ()
        described = [Described(test, {check.key.name: check.case.id for check, _ in of}) for test, of in new.items()]
        gone = [
            Described(test, {name: case for gate in gates for name, case in gate.cases(test).items()})
            for test in self._tests_gone(gates)
        ]
        stored = {key.test for gate in gates for key in gate.promised()}
        return tuple(_renamed(move, new) for move in moves(matches(gone, described), stored))

    def _tests_gone(self, gates: Sequence[Gate]) -> list[str]:
        promised = {key for gate in gates for key in gate.promised()}
        if len(promised) not in self._gone:
            absent = self.absent_of(promised)
            self._gone[len(promised)] = list(dict.fromkeys(one.key.test for one in absent if one.why is Absence.GONE))
        return self._gone[len(promised)]


def _renamed(move: Move, new: dict[str, list[Judged]]) -> Renamed:
    as_if = [gate.as_if(check, old) for old, test in move.tests for check, gate in new[test]]
    return Renamed(move.old, move.new, move.tests, tuple(check for check in as_if if check))
