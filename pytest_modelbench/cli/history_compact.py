"""``history-compact``: old nights of a history, folded into one file."""

from __future__ import annotations

import argparse
from datetime import datetime, timedelta, timezone

from pytest_modelbench.cli.command import FINE, REFUSED, Command, Outcome
from pytest_modelbench.cli.kept import add_history, history_here
from pytest_modelbench.core.errors import UsageError

_DAYS = 30


def declare(parser: argparse.ArgumentParser) -> None:
    """Add how old, and of which history."""
    parser.add_argument(
        "--older-than",
        metavar="DAYS",
        default=str(_DAYS),
        help=f"fold nights that are older than this; default: {_DAYS}",
    )
    add_history(parser)


def run(arguments: argparse.Namespace) -> Outcome:
    """What was folded. Status 1 where a file cannot be used."""
    from pytest_modelbench.core.printable import printable_lines
    from pytest_modelbench.report.scale import number, plural
    from pytest_modelbench.store.folding import fold

    location = history_here(arguments)
    found = fold(location, _before(arguments.older_than))
    lines = [printable_lines(f"left as it is: {one}") for one in found.left]
    if found.name:
        sizes = f"{number(found.size_before, 'bytes')} -> {number(found.size, 'bytes')}"
        lines.append(f"{plural(found.nights, 'night')} folded into {location.told(found.name)} ({sizes})")
    if spare := found.removed - found.nights:
        lines.append(f"{plural(spare, 'file')} removed that a folded file has")
    if not (found.name or found.removed):
        lines.append("nothing to fold")
    return "\n".join(lines), REFUSED if found.left else FINE


def _before(days: str) -> str:
    try:
        count = int(days)
        if count < 0:
            raise ValueError
        return (datetime.now(timezone.utc) - timedelta(count)).isoformat(timespec="milliseconds")
    except (ValueError, OverflowError):
        raise UsageError(f"--older-than: {days!r} is not a number of days; write for example 30") from None


COMMAND = Command("history-compact", "fold old nights (sessions that a history keeps) into one file", declare, run)
