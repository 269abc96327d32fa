"""``init``: the settings, the first test and the workflows of a project."""

from __future__ import annotations

import argparse
from pathlib import Path

from pytest_modelbench.cli.command import FINE, Command, Outcome

_CI = {"github": ("github",), "gitlab": ("gitlab",), "both": ("github", "gitlab"), "none": ()}


def declare(parser: argparse.ArgumentParser) -> None:
    """Add the models, and whose workflows are wanted."""
    parser.add_argument(
        "models",
        metavar="MODEL",
        nargs="*",
        help="timm name, or package.module:callable; default: models of the project that need no arguments",
    )
    parser.add_argument(
        "--ci", choices=_CI, help="CI to write workflows for; default: what git remotes and existing files tell"
    )
    parser.add_argument("--dry-run", action="store_true", help="show the files, and write nothing")


def run(arguments: argparse.Namespace) -> Outcome:
    """What was seen and written; nothing that is there is overwritten."""
    from pytest_modelbench.start.files import plan, write
    from pytest_modelbench.start.hosts import Host
    from pytest_modelbench.start.seen import given_models, see
    from pytest_modelbench.start.telling import render

    seen = see(Path.cwd())
    hosts = (
        list(map(Host, _CI[arguments.ci])) if arguments.ci else [host for host in Host if host in seen.hosting.hosts]
    )
    planned = plan(seen, given_models(arguments.models, seen), hosts)
    if not arguments.dry_run:
        write(planned)
    return render(seen, planned, hosts, dry=arguments.dry_run), FINE


COMMAND = Command("init", "write the settings, a first test and the workflows of a project", declare, run)
