"""``convert``: write baselines of an older version in the form of this one."""

from __future__ import annotations

import argparse

from pytest_modelbench.cli.command import FINE, Command, Outcome
from pytest_modelbench.cli.folder import add_baselines, baselines_of


def declare(parser: argparse.ArgumentParser) -> None:
    """Add where the baselines are."""
    add_baselines(parser)


def run(arguments: argparse.Namespace) -> Outcome:
    """The files that were written anew."""
    from pytest_modelbench.store.attributes import written_note
    from pytest_modelbench.store.baselines import BaselineStore

    store = BaselineStore(baselines_of(arguments, must_exist=True))
    converted = [path for folder in store.folders() for path in store.convert(folder)]
    lines = [f"converted {path}" for path in converted] or ["nothing to convert"]
    lines += [written_note(str(store.attributes))] if store.attributes else []
    return "\n".join(lines), FINE


COMMAND = Command("convert", "rewrite baseline files of an older version in the present format", declare, run)
