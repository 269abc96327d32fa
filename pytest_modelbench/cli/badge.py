"""``badge``: a session in one word, as a picture."""

from __future__ import annotations

import argparse
from pathlib import Path

from pytest_modelbench.cli.command import FINE, Command, Outcome


def declare(parser: argparse.ArgumentParser) -> None:
    """Add the results file, and what stands on the left."""
    parser.add_argument("results", metavar="RESULTS", type=Path, help="results file, as --modelbench-json writes it")
    parser.add_argument(
        "--label", metavar="TEXT", default="modelbench", help="text on the left of the badge; default: %(default)s"
    )


def run(arguments: argparse.Namespace) -> Outcome:
    """The picture."""
    from pytest_modelbench.report import badge
    from pytest_modelbench.store.results import read_results

    return badge.render(read_results(arguments.results), arguments.label).rstrip("\n"), FINE


COMMAND = Command("badge", "write a badge for a README, as SVG, with the outcome of a session", declare, run)
