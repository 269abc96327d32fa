"""``rename``: keep the baselines of tests that go by another id."""

from __future__ import annotations

import argparse

from pytest_modelbench.cli.command import FINE, Command, Outcome
from pytest_modelbench.cli.folder import add_baselines, baselines_of
from pytest_modelbench.core.errors import UsageError, did_you_mean


def declare(parser: argparse.ArgumentParser) -> None:
    """Add the ids, old and new."""
    add_baselines(parser)
    parser.add_argument(
        "old",
        metavar="OLD",
        help="former id of a test, of a function (with all its parameters), of a class, a module or a folder",
    )
    parser.add_argument("new", metavar="NEW", help="its id now")
    parser.add_argument("--dry-run", action="store_true", help="say what would be moved, and move nothing")


def run(arguments: argparse.Namespace) -> Outcome:
    """What was moved, in every folder; UsageError if nothing is stored of it."""
    from pytest_modelbench.core.renames import named_alike, renamed
    from pytest_modelbench.store.baselines import BaselineStore

    store = BaselineStore(baselines_of(arguments, must_exist=True))
    old, new = arguments.old.removesuffix("/"), arguments.new.removesuffix("/")
    if not (old.strip() and new.strip()):
        raise UsageError("an id is empty; give the id that the test had, and the one that it has now")
    if old == new:
        raise UsageError(f"OLD and NEW are the same id: {old}")
    if ("::" in old) != ("::" in new):
        raise UsageError(f"{old} cannot become {new}: give two tests, or two files or folders")
    known = {key.test for folder in store.folders() for key in store.keys(folder)}
    taken = [test for test in known if renamed(test, old, new)]
    if not taken:
        raise UsageError(
            f"{store.folder} holds nothing of {old}.{did_you_mean(old, named_alike(old, known))} "
            "pytest-modelbench show FOLDER lists what it holds"
        )
    if "[" in new and any(test != old for test in taken):
        raise UsageError(f"{old} stands for {len(taken)} tests, with parameters, and {new} for one; name one of them")
    moved = store.renaming(old, new) if arguments.dry_run else store.rename(old, new)
    said = "would move" if arguments.dry_run else "moved"
    lines = [f"{said} {folder}: {key} -> {to.test}" for folder, keys in moved.items() for key, to in keys.items()]
    return "\n".join(lines), FINE


COMMAND = Command("rename", "keep the baselines of tests that have another id now", declare, run)
