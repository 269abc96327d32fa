"""``guide``: the benchmark guide in Markdown, from the figures of sessions."""

from __future__ import annotations

import argparse
from pathlib import Path

from pytest_modelbench.cli.command import FINE, Command, Outcome


def declare(parser: argparse.ArgumentParser) -> None:
    """Add the results files."""
    parser.add_argument(
        "results",
        metavar="RESULTS",
        type=Path,
        nargs="+",
        help="results files, as --modelbench-json writes them; one or more for each device",
    )


def run(arguments: argparse.Namespace) -> Outcome:
    """The guide."""
    from pytest_modelbench.published.catalog.tables import tables
    from pytest_modelbench.published.guide.document import render
    from pytest_modelbench.store.results import read_results

    return render([(str(path), read_results(path)) for path in arguments.results], tables()).rstrip("\n"), FINE


COMMAND = Command("guide", "write the benchmark guide in Markdown, from the figures of sessions", declare, run)
