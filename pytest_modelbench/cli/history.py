"""``history``: how checks went from session to session."""

from __future__ import annotations

import argparse
import json
import sys

from pytest_modelbench.cli.command import FINE, REFUSED, Command, Outcome
from pytest_modelbench.cli.kept import add_history, history_here
from pytest_modelbench.cli.output import terminal_width
from pytest_modelbench.core.errors import UsageError, did_you_mean
from pytest_modelbench.core.printable import printable_lines


def declare(parser: argparse.ArgumentParser) -> None:
    """Add what to show, and of which folder."""
    parser.add_argument(
        "words",
        metavar="WORD",
        nargs="*",
        help="show only checks whose test, case or metric contain all of these words",
    )
    add_history(parser)
    parser.add_argument(
        "--environment",
        metavar="NAME",
        default="",
        help="show only checks of this folder of baselines, such as portable",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(list="words")


def run(arguments: argparse.Namespace) -> Outcome:
    """The series; of one check alone, its nights. Status 1 where a file cannot be used."""
    from pytest_modelbench.judge.levels import levels
    from pytest_modelbench.report.history import plain, render_nights, render_series
    from pytest_modelbench.report.scale import plural
    from pytest_modelbench.store.history import read_history

    kept = read_history(history_here(arguments))
    words = [word.lower() for word in arguments.words]
    # All of an environment, since what is asked for may be one of many that moved together.
    there = [one for one in kept.series if arguments.environment in ("", one.folder)]
    if arguments.environment and kept.series and not there:
        folders = sorted({one.folder for one in kept.series})
        hint = did_you_mean(arguments.environment, folders)
        raise UsageError(f"the history has nothing of {arguments.environment!r}.{hint} There are: {', '.join(folders)}")
    found = [
        one
        for one in levels(there)
        if all(word in f"{one.series.test} {one.series.case} {one.series.name}".lower() for word in words)
    ]
    status = REFUSED if kept.damaged else FINE
    if arguments.json:
        told = {"series": [plain(one) for one in found], "damaged": list(kept.damaged)}
        return json.dumps(told, indent=1), status
    colour = sys.stdout.isatty()
    parts = [printable_lines(f"left out: {one}") for one in kept.damaged]
    if len(found) == 1:
        parts.append(render_nights(found[0], terminal_width(), colour=colour))
    elif found:
        parts.append(render_series(found, terminal_width(), colour=colour))
    else:
        parts.append("no check of the history has all of these words" if words else "nothing is kept there yet")
    parts.append(f"{plural(kept.sessions, 'session')}, {plural(len(kept.series), 'check')}")
    return "\n\n".join(parts), status


COMMAND = Command("history", "show how checks went from session to session", declare, run)
