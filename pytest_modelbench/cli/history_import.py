"""``history-import``: what was measured before, or by another tool, becomes part of a history."""

from __future__ import annotations

import argparse
from pathlib import Path

from pytest_modelbench.cli.command import FINE, REFUSED, Command, Outcome
from pytest_modelbench.cli.kept import add_history, history_here


def declare(parser: argparse.ArgumentParser) -> None:
    """Add what to import, and into which history."""
    parser.add_argument(
        "paths", metavar="PATH", nargs="+",
        help="file or folder: results of --modelbench-json, another history, .benchmarks of pytest-benchmark, or "
        "results of asv",
    )  # fmt: skip
    add_history(parser)
    parser.set_defaults(list="paths")


def run(arguments: argparse.Namespace) -> Outcome:
    """What was added. Status 1 where a file cannot be used."""
    from pytest_modelbench.core.printable import printable_lines
    from pytest_modelbench.report.scale import plural
    from pytest_modelbench.store.imports import import_into

    location = history_here(arguments)
    found = import_into(location, map(Path, arguments.paths))
    lines = [printable_lines(f"left out: {one}") for one in found.left]
    known = f", {found.known} already there" if found.known else ""
    lines.append(f"{location.name}: {plural(found.added, 'night')} added{known}")
    return "\n".join(lines), REFUSED if found.left else FINE


COMMAND = Command("history-import", "add earlier sessions, and other tools' runs, to a history", declare, run)
