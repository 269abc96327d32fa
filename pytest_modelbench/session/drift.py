"""What the history says at the end of a session: levels that changed for the worse, and checks that crept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pytest_modelbench.core.errors import ModelbenchError
from pytest_modelbench.core.printable import printable_lines
from pytest_modelbench.core.session import Session
from pytest_modelbench.judge.levels import RECENT, Levels, levels
from pytest_modelbench.report.levels import change_lines, creep_lines
from pytest_modelbench.report.scale import plural
from pytest_modelbench.session.commands import Commands

#: Checks whose commands are told.
_MOST = 3


@dataclass(frozen=True, slots=True)
class Drift:
    """What is told, line by line, and whether a session that gates on it fails."""

    lines: tuple[str, ...] = ()
    fails: bool = False


def drift_of(session: Session, where: str | Path, root: Path, commands: Commands) -> Drift:
    """What of the checks of ``session`` drifted, as the history kept ``where`` tells; that it cannot be read fails.

    A branch is one of the repository that ``root`` lies in.
    """
    from pytest_modelbench.store.history import read_history
    from pytest_modelbench.store.locations import location_of

    try:
        kept = read_history(location_of(where, root))
    except (ModelbenchError, OSError) as error:
        return Drift((f"DRIFT NOT LOOKED AT: {printable_lines(str(error))}",), fails=True)
    folders = {check.folder for check in session.checks}
    # All of an environment: how the others moved tells how the machine was.
    found = levels([one for one in kept.series if one.folder in folders])
    measured = {(check.folder, *check.key) for check in session.checks}
    found = [one for one in found if (one.series.folder, one.series.test, one.series.name) in measured]
    stepped = [one for one in found if one.drifted]
    crept = [one for one in found if one.crept]
    lines: list[str] = []
    if kept.damaged:
        lines.append(f"drift: {plural(len(kept.damaged), 'file')} of the history left out: pytest-modelbench history")
    if stepped:
        lead = f"DRIFT: {plural(len(stepped), 'check')} changed for the worse within the last {RECENT} nights:"
        lines += [lead, *(f"    {line}" for line in change_lines(stepped, drifted=True))]
    if crept:
        lead = f"DRIFT: {plural(len(crept), 'check')} crept beyond the band, from baseline to baseline:"
        lines += [lead, *(f"    {line}" for line in creep_lines(crept)[:_MOST])]
    if stepped:
        lines += [
            "if that is intended, start from a baseline of now:",
            *(f"    {one}" for one in _anew(stepped, commands)),
        ]
    return Drift(tuple(lines), fails=bool(stepped or crept))


def _anew(found: list[Levels], commands: Commands) -> list[str]:
    """The commands that make the present level of checks their baseline, though it is within the old one's band."""
    told = [one.series for one in found[:_MOST]]
    prunes = [commands.prune(one.test, one.name) for one in told if one.last.accepted]
    return [*prunes, commands.accept(*dict.fromkeys(one.test for one in told))]
