"""``merge-conflict``: settle what git could not merge, or what two branches accepted differently."""

from __future__ import annotations

import argparse
import contextlib
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_modelbench.cli.command import FINE, REFUSED, Command, Outcome
from pytest_modelbench.cli.folder import add_config_file, here_of
from pytest_modelbench.core.errors import BaselineError

if TYPE_CHECKING:
    from pytest_modelbench.store.merging import Choice, Contradiction, Merged, OfSession
    from pytest_modelbench.vcs.stages import Stage


def declare(parser: argparse.ArgumentParser) -> None:
    """Add the files, and what becomes of entries that contradict."""
    add_config_file(parser)
    parser.add_argument("files", metavar="FILE", type=Path, nargs="+", help="baseline file with a conflict")
    choice = parser.add_mutually_exclusive_group()
    for name, help_ in (
        ("ours", "where the sides accepted different values, keep ours (ours and theirs as git has them)"),
        ("theirs", "where they accepted different values, keep theirs"),
        ("measure", "keep neither, and print the command that measures and accepts these tests again"),
    ):
        choice.add_argument(f"--{name}", dest="choice", action="store_const", const=name, help=help_)
    choice.add_argument("--session", metavar="ID", help="keep what the session with this id accepted")


def run(arguments: argparse.Namespace) -> Outcome:
    """What was settled, and what is left; files are written where nothing is."""
    from pytest_modelbench.store.merging import Choice, OfSession

    choice: Choice | OfSession | None = Choice(arguments.choice) if arguments.choice else None
    if arguments.session:
        choice = OfSession(arguments.session)
    done = [_settle(path, choice) for path in arguments.files]
    lines = [line for one in done for line in one.lines]
    if any(one.left for one in done):
        unknown = any(one.unknown for one in done)
        how = "--session ID, since git does not know their sides," if unknown else "--ours, --theirs"
        lines.append(f"settle these with {how} or --measure; the files that hold them are as they were")
    if add := [str(one.path) for one in done if one.to_add]:
        lines += ["tell git that they are merged:", f"    {shlex.join(['git', 'add', *add])}"]
    if tests := sorted({test for one in done for test in one.measure}):
        argument = here_of(arguments).argument
        command = shlex.join(["pytest", "--modelbench", "--update-baselines", *map(argument, tests)])
        lines += ["measure and accept again what was dropped, where it was measured before:", f"    {command}"]
    return "\n".join(lines), REFUSED if any(one.left for one in done) else FINE


@dataclass(frozen=True, slots=True)
class _Done:
    """What became of one file: what is told, which tests are to be measured, whether anything is left to settle."""

    path: Path
    lines: Sequence[str]
    left: bool = False
    unknown: bool = False
    to_add: bool = False
    measure: Sequence[str] = ()


def _settle(path: Path, choice: Choice | OfSession | None) -> _Done:
    from pytest_modelbench.store.atomic import locked
    from pytest_modelbench.store.merging import Choice
    from pytest_modelbench.vcs.stages import stages

    found = stages(path)
    with locked(path.resolve().parent.parent):
        merged = _merged(path, found)
        if merged is None:
            return _Done(path, [f"{path}: nothing to settle"], to_add=bool(found))
        settled = merged.settled(choice) if choice else merged
        if settled.contradictions:
            unknown = any(one.unknown for one in settled.contradictions)
            lines = [f"{path}: its sides contradict", *_told(settled.contradictions)]
            return _Done(path, lines, left=True, unknown=unknown)
        _write(path, settled)
    lines = [f"{path}: {_counted(settled)}"]
    if choice and merged.contradictions:
        said = _SAID[choice.value] if isinstance(choice, Choice) else f"that of {choice.session} was kept of"
        lines = [f"{lines[0]}; {said}", *_told(merged.contradictions)]
    measure = [one.key.test for one in merged.contradictions] if choice is Choice.MEASURE else []
    return _Done(path, lines, to_add=bool(found), measure=measure)


_SAID = {"ours": "ours was kept of", "theirs": "theirs was kept of", "measure": "neither side was kept of"}


def _merged(path: Path, found: Mapping[Stage, str]) -> Merged | None:
    """Both sides of the file at ``path`` as one; None if it has no two sides.

    They are the versions in git's index: where lines have moved, what git marked as one side is not all that it has.
    Without those they are what is marked, or the lines of a file in which both sides were kept; whose those are, the
    merge tells that brought them together.
    """
    from pytest_modelbench.store.documents import first_mark, is_mixture, read_text
    from pytest_modelbench.store.files import settled
    from pytest_modelbench.store.markers import marked
    from pytest_modelbench.store.merging import by_hand, merge
    from pytest_modelbench.store.records import Records, records_of
    from pytest_modelbench.store.schema import BASELINE
    from pytest_modelbench.vcs.stages import Stage, merges

    text = read_text(path, BASELINE) if path.exists() or not found else ""
    sides = marked(text)
    if sides is None and text not in ("", *found.values()):
        # What git's union makes of two forms of the file is neither: the versions themselves have to be found.
        found = next(merges(path), {}) if is_mixture(text, BASELINE) else {}
        if not found:
            if mark := first_mark(text):
                raise _untold(path, mark)
            records = records_of(path, text)
            return _with_sides(path, merge(path, records, records)) if settled(records)[1] else None
    if sides and not found:
        return merge(path, records_of(path, sides.ours), records_of(path, sides.theirs))
    base, ours, theirs = (
        records_of(path, found[stage]) if stage in found else Records(BASELINE.schema) for stage in Stage
    )
    merged = merge(path, ours, theirs, base)
    if sides is None or ours.schema != theirs.schema:  # of two forms, what is marked is neither
        return merged
    try:
        now = [records_of(path, side) for side in (sides.ours, sides.theirs)]
    except BaselineError:
        raise _untold(path, first_mark(text)) from None
    return by_hand(path, merged, now, (base, ours, theirs))


def _with_sides(path: Path, merged: Merged) -> Merged:
    """``merged``, of a file in which git kept the lines of both sides, with the sides that its merges tell."""
    from pytest_modelbench.store.merging import sided
    from pytest_modelbench.store.records import records_of
    from pytest_modelbench.vcs.stages import Stage, merges

    for versions in merges(path):
        with contextlib.suppress(BaselineError):  # of one in which somebody committed what cannot be read
            merged = sided(merged, *(records_of(path, versions[stage]) for stage in (Stage.OURS, Stage.THEIRS)))
    return merged


def _untold(path: Path, line: int) -> BaselineError:
    """The error for marks that do not tell which line is of which side, the first one in ``line``."""
    quoted = shlex.quote(str(path))
    return BaselineError(
        f"{path}: line {line}: what is of which side cannot be told from these marks. Bring the conflict back with "
        f"`git checkout --merge -- {quoted}`, or take one side: `git checkout --ours -- {quoted}` or --theirs"
    )


def _write(path: Path, merged: Merged) -> None:
    from pytest_modelbench.store.atomic import remove, write_atomically
    from pytest_modelbench.store.records import check_sessions, render_baseline_file

    if merged.file.entries:
        check_sessions(path, merged.file)
        write_atomically(path, render_baseline_file(merged.file))
    elif path.exists():
        remove(path)


def _counted(merged: Merged) -> str:
    count = sum(map(len, merged.file.entries.values()))
    return f"merged, with {count} entr{'y' if count == 1 else 'ies'}" if count else "removed, since no entry is left"


def _told(contradictions: Sequence[Contradiction]) -> list[str]:
    """Each check with what either side has of it."""
    from pytest_modelbench.store.files import told

    lines = []
    for one in contradictions:
        texts = iter(told(one.entries))
        lines.append(f"  {one.key}")
        for side, entries in (("ours", one.ours), ("theirs", one.theirs)):
            lines += [f"    {side}: {next(texts)}" for _ in entries]
            lines += [] if entries or one.unknown else [f"    {side}: removed"]
        lines += [f"    either: {text}" for text in texts]
    return lines


COMMAND = Command("merge-conflict", "resolve a merge conflict between baselines of two branches", declare, run)
