"""What the history says at the end of a session: levels that changed for the worse, and checks that crept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_modelbench.core.errors import ModelbenchError
from pytest_modelbench.core.printable import printable, printable_lines
from pytest_modelbench.core.session import Session
from pytest_modelbench.judge.levels import RECENT, Levels, levels
from pytest_modelbench.report.levels import change_lines, creep_lines
from pytest_modelbench.report.scale import plural
from pytest_modelbench.session.commands import Commands

if TYPE_CHECKING:
    from pytest_modelbench.store.history import History

#: Checks whose commands are told.
_MOST = 3


@dataclass(frozen=True, slots=True)
class Drift:
    """What is told, line by line, and whether a session that gates on it fails."""

    lines: tuple[str, ...] = ()
    fails: bool = False


def drift_of(session: Session, kept: History | Exception, commands: Commands) -> Drift:
    """What of the checks of ``session`` drifted, by what is ``kept``, which it is part of.

    No history that could be read fails, nor one in part, nor one that has nothing: a gate is never open by accident.
    """
    if isinstance(kept, Exception):
        return Drift((f"DRIFT NOT LOOKED AT: {fault_line(kept)}",), fails=True)
    lines, fails = _read_in_part(session, kept)
    folders = {check.folder for check in session.checks}
    # All of an environment: how the others moved tells how the machine was.
    found = levels([one for one in kept.series if one.folder in folders])
    measured = {(check.folder, *check.key) for check in session.checks}
    found = [one for one in found if (one.series.folder, one.series.test, one.series.name) in measured]
    stepped = [one for one in found if one.drifted]
    crept = [one for one in found if one.crept]
    if stepped:
        lead = f"DRIFT: {plural(len(stepped), 'check')} got worse within the last {RECENT} nights:"
        lines += [lead, *(f"    {line}" for line in change_lines(stepped, drifted=True))]
    if crept:
        lead = f"DRIFT: {plural(len(crept), 'check')} crept beyond the band over several baselines:"
        lines += [lead, *(f"    {line}" for line in creep_lines(crept)[:_MOST]), *_more(crept)]
    if stepped:
        lines += [
            "if that is intended, make the present level the baseline:",
            *(f"    {one}" for one in _anew(stepped, commands)),
            *_more(stepped),
        ]
    return Drift(tuple(lines), fails=fails or bool(stepped or crept))


def _more(found: list[Levels]) -> list[str]:
    """How many there are that nothing was said of."""
    return [f"    and so for {plural(len(found) - _MOST, 'check')} more"] if len(found) > _MOST else []


def fault_line(error: Exception) -> str:
    """What went wrong, with the kind of error where that is none of ours."""
    if isinstance(error, (ModelbenchError, OSError)):
        return printable_lines(str(error))
    return printable(f"{type(error).__name__}: {error}".removesuffix(": "))[:300]


def _read_in_part(session: Session, kept: History) -> tuple[list[str], bool]:
    """What there is to say of nights that are not there, and whether a session that gates on drift fails by that."""
    lines, fails = list[str](), False
    if kept.unread:
        told = f"{plural(len(kept.unread), 'file')} of the history cannot be read: {printable_lines(kept.unread[0])}"
        lines, fails = [f"DRIFT NOT LOOKED AT in full: {told}"], True
    if others := len(kept.damaged) - len(kept.unread):
        lines.append(f"drift: {plural(others, 'file')} of the history left out; pytest-modelbench history tells why")
    if not any(night.session != session.stamp.id for one in kept.series for night in one.nights):
        if kept.damaged:
            lines.append("DRIFT NOT LOOKED AT: nothing of the history can be used except this session")
        elif not kept.sessions:
            lines.append("DRIFT NOT LOOKED AT: the history holds nothing, not even this session")
        else:
            lines.append("drift: the history has only this session, so there is nothing to compare with")
        fails = fails or bool(kept.damaged) or not kept.sessions
    return lines, fails


def _anew(found: list[Levels], commands: Commands) -> list[str]:
    """The commands that make the present level of checks their baseline, though it is within the old one's band."""
    told = [one.series for one in found[:_MOST]]
    prunes = [commands.prune(one.test, one.name) for one in told if one.last.accepted]
    return [*prunes, commands.accept(*dict.fromkeys(one.test for one in told))]
