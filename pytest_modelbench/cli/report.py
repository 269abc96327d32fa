"""``report``: the report of a session, again."""

from __future__ import annotations

import argparse
from pathlib import Path

from pytest_modelbench.cli.command import FINE, Command, Outcome
from pytest_modelbench.cli.folder import add_config_file, hints_here
from pytest_modelbench.cli.kept import known_here
from pytest_modelbench.cli.output import terminal_width
from pytest_modelbench.options import SETTINGS


def declare(parser: argparse.ArgumentParser) -> None:
    """Add the results file and the format."""
    parser.add_argument("results", metavar="RESULTS", type=Path, help="results file, as --modelbench-json writes it")
    parser.add_argument(
        "--format", choices=("html", "markdown", "terminal"), default="terminal", help="default: %(default)s"
    )
    parser.add_argument(
        "--history", metavar=SETTINGS["history"].value, help="add the history of each check; with --format html only"
    )
    add_config_file(parser)


def run(arguments: argparse.Namespace) -> Outcome:
    """The report."""
    from pytest_modelbench.report.summary import Told
    from pytest_modelbench.store.results import read_results

    session = read_results(arguments.results)
    hints = hints_here(arguments, session.asked)
    told = Told(hints.accept, hints.baselines, hints.selection, here=hints.here)
    if arguments.format == "markdown":
        from pytest_modelbench.report import markdown

        return markdown.fitted(session, told).rstrip("\n"), FINE
    if arguments.format == "html":
        from pytest_modelbench.report.page import session as page

        if not arguments.history:
            return page.render(session, told).rstrip("\n"), FINE
        known, notes = known_here(arguments)
        return page.render(session, told, known, notes).rstrip("\n"), FINE
    from pytest_modelbench.report import terminal

    return terminal.render(session, terminal.Look(terminal_width()), told), FINE


COMMAND = Command("report", "show the report of a session again, from its results file", declare, run)
