"""``prune``: remove entries whose test is gone."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_modelbench.cli.command import FINE, Command, Outcome
from pytest_modelbench.cli.folder import add_baselines, baselines_of
from pytest_modelbench.core.errors import UsageError, did_you_mean
from pytest_modelbench.core.metrics import Scope

if TYPE_CHECKING:
    from pytest_modelbench.core.measurement import CheckKey
    from pytest_modelbench.core.session import Renamed, Session
    from pytest_modelbench.store.baselines import BaselineStore

    #: What is to be removed, by folder.
    Found = dict[str, list[CheckKey]]


def declare(parser: argparse.ArgumentParser) -> None:
    """Add what tells the entries that go."""
    add_baselines(parser)
    parser.add_argument(
        "results",
        metavar="RESULTS",
        type=Path,
        nargs="?",
        help="results file: remove the entries that it lists as without a test",
    )
    parser.add_argument(
        "--test", metavar="ID", action="append", help="remove the entries of this test, in every folder; repeatable"
    )
    parser.add_argument("--check", metavar="NAME", help="with --test: remove only its entries of this name")
    parser.add_argument("--dry-run", action="store_true", help="say what would be removed, and remove nothing")


def run(arguments: argparse.Namespace) -> Outcome:
    """What was removed; the baselines are changed, unless it is a dry run."""
    from pytest_modelbench.store.baselines import BaselineStore
    from pytest_modelbench.store.results import read_results

    if (arguments.results is None) == (arguments.test is None):
        raise UsageError("name either a results file or tests (--test ID); see pytest-modelbench prune --help")
    store = BaselineStore(baselines_of(arguments, must_exist=True))
    kept: list[str] = []
    if arguments.test is not None:
        found = _of_tests(store, arguments.test, arguments.check)
    else:
        session = read_results(arguments.results)
        found = _orphans(store, session)
        kept = [_kept(one, arguments) for one in session.renamed]
    if not arguments.dry_run:
        for name, keys in found.items():
            store.prune(name, keys)
    said = "would remove" if arguments.dry_run else "removed"
    lines = [f"{said} {name}: {key}" for name, keys in found.items() for key in keys]
    return "\n".join([*kept, *(lines or ["nothing to remove"])]), FINE


def _kept(renamed: Renamed, arguments: argparse.Namespace) -> str:
    """What is told of entries whose test may have another id: `--test` removes those, too."""
    where = ["--baselines", str(arguments.baselines)] if arguments.baselines is not None else []
    command = shlex.join(["pytest-modelbench", "rename", *where, renamed.old, renamed.new])
    return f"kept {renamed.old}, which may be {renamed.new} now: {command}"


def _of_tests(store: BaselineStore, tests: list[str], check: str | None) -> Found:
    """Entries of ``tests`` in every folder, or only those called ``check``; UsageError for a test that has none."""
    folders = store.folders()
    known = {key.test for folder in folders for key in store.keys(folder)}
    for test in tests:
        if test not in known:
            raise UsageError(
                f"{store.folder} holds nothing of {test}.{did_you_mean(test, known)} "
                "pytest-modelbench show FOLDER lists what it holds"
            )
    return {
        name: [key for key in store.keys(name) if key.test in tests and check in (None, key.name)] for name in folders
    }


def _orphans(store: BaselineStore, session: Session) -> Found:
    """Entries that a session found to have no test any more, in the folders that it looked at."""
    scopes = [session.environment.folder(scope) for scope in Scope] if session.environment else ["portable"]
    renamed = {old for one in session.renamed for old, _ in one.tests}
    orphans = {one.key for one in session.absent if one.is_orphan and one.key.test not in renamed}
    return {name: [key for key in store.keys(name) if key in orphans] for name in dict.fromkeys(scopes)}


COMMAND = Command("prune", "remove baseline entries whose test is gone", declare, run)
