"""``history-push``: a history that is kept in a branch of git, brought together with the remote's."""

from __future__ import annotations

import argparse

from pytest_modelbench.cli.command import FINE, Command, Outcome
from pytest_modelbench.cli.kept import add_history, history_here
from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.core.locations import is_url


def declare(parser: argparse.ArgumentParser) -> None:
    """Add which history, and where to."""
    add_history(parser)
    parser.add_argument("--remote", metavar="NAME", default="origin", help="git remote; default: %(default)s")


def run(arguments: argparse.Namespace) -> Outcome:
    """What became of it."""
    from dataclasses import replace

    from pytest_modelbench.store.locations.branch import BranchLocation

    if is_url(arguments.remote):  # which may hold a token, and by which git keeps no branch of the remote's
        raise UsageError("--remote takes the name of a remote, not its URL; git remote add NAME URL gives it one")
    location = history_here(arguments)
    if not isinstance(location, BranchLocation):
        raise UsageError(f"{location.name}: only a branch of git is pushed, as in --history git:modelbench-history")
    return f"{location.name}: {replace(location.branch, remote=arguments.remote).push()}", FINE


COMMAND = Command("history-push", "fetch, merge and push a history that is a branch of git", declare, run)
