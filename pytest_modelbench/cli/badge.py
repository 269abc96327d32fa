"""``badge``: a session in one word, as a picture."""

from __future__ import annotations

import argparse
from pathlib import Path

from pytest_modelbench.cli.command import FINE, Command, Outcome


def declare(parser: argparse.ArgumentParser) -> None:
    """Add the results file, and what stands on the left."""
    parser.add_argument("results", metavar="RESULTS", type=Path, help="file of --modelbench-json")
    parser.add_argument(
        "--label", metavar="TEXT", default="modelbench", help="what stands on the left; default: %(default)s"
    )


def run(arguments: argparse.Namespace) -> Outcome:
    """The picture."""
    from pytest_modelbench.report import badge
    from pytest_modelbench.store.results import read_results

    return badge.render(read_results(arguments.results), arguments.label).rstrip("\n"), FINE


COMMAND = Command("badge", "a badge for a README, as SVG: what a session came to", declare, run)
