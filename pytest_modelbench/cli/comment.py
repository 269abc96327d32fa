"""``comment``: a session as a comment on a pull request, printed or posted."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from pathlib import Path

from pytest_modelbench.cli.command import FINE, Command, Outcome
from pytest_modelbench.cli.folder import add_config_file, hints_here
from pytest_modelbench.cli.kept import known_here
from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.options import SETTINGS


def declare(parser: argparse.ArgumentParser) -> None:
    """Add the results file, and where the comment goes."""
    parser.add_argument("results", metavar="RESULTS", type=Path, help="results file, as --modelbench-json writes it")
    parser.add_argument(
        "--name",
        default="modelbench",
        help="name of the comment; a pull request has one comment of each name, which is updated; default: %(default)s",
    )
    parser.add_argument(
        "--history",
        metavar=SETTINGS["history"].value,
        help="show how checks that are not ok went so far, from this history",
    )
    parser.add_argument(
        "--post",
        action="store_true",
        help="post the comment, or update the one that is there, with the token in GITHUB_TOKEN; default: print it",
    )
    parser.add_argument(
        "--pull-request",
        metavar="N",
        type=int,
        help="with --post: number of the pull request; default: that of the CI job, from GITHUB_EVENT_PATH",
    )
    add_config_file(parser)


def run(arguments: argparse.Namespace) -> Outcome:
    """The comment, or where it was posted."""
    from pytest_modelbench.report.comment import marker, render
    from pytest_modelbench.report.summary import Told
    from pytest_modelbench.store.results import read_results

    mark, number = marker(arguments.name), arguments.pull_request
    if number is not None and not arguments.post:
        raise UsageError("--pull-request is where --post posts to; by itself it does nothing")
    if number is not None and number < 1:
        raise UsageError(f"--pull-request: {number} is no pull request's number")
    session = read_results(arguments.results)
    hints = hints_here(arguments, session.asked)
    told = Told(hints.accept, hints.baselines, hints.selection, here=hints.here)
    history, notes = known_here(arguments) if arguments.history else ((), [])
    text = render(session, arguments.name, told, history, link=_run(os.environ), notes=notes)
    if not arguments.post:
        return text.rstrip("\n"), FINE
    from pytest_modelbench.cli.pull_request import post, pull_request_of

    return post(pull_request_of(os.environ, number), mark, text), FINE


def _run(variables: Mapping[str, str]) -> str:
    """The address of the job's run; empty outside of one."""
    parts = [variables.get(name, "") for name in ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID")]
    server, repository, run = parts
    sound = all(parts) and not any(sign in "".join(parts) for sign in " ()<>\n")
    return f"{server}/{repository}/actions/runs/{run}" if sound else ""


COMMAND = Command("comment", "print a session as a comment on a pull request, or post it", declare, run)
