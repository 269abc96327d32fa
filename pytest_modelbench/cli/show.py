"""``show``: what is stored."""

from __future__ import annotations

import argparse
from collections.abc import Collection

from pytest_modelbench.cli.command import FINE, Command, Outcome
from pytest_modelbench.cli.folder import add_baselines, baselines_of
from pytest_modelbench.cli.output import terminal_width
from pytest_modelbench.core.errors import UsageError, did_you_mean
from pytest_modelbench.core.session import told_session


def declare(parser: argparse.ArgumentParser) -> None:
    """Add the folder to show."""
    add_baselines(parser)
    parser.add_argument(
        "folder", metavar="FOLDER", nargs="?", help="show the entries of this folder, such as portable or cpu-..."
    )


def run(arguments: argparse.Namespace) -> Outcome:
    """The folders with their files, or the entries of one folder."""
    from pytest_modelbench.report.scale import number, plural
    from pytest_modelbench.report.table import Column, Row, layout
    from pytest_modelbench.store.baselines import BaselineStore

    store = BaselineStore(baselines_of(arguments, must_exist=True))
    names = store.folders()
    if arguments.folder is None:
        columns = Column("folder"), Column("file"), Column("entries", right=True), Column("sessions")
        rows = []
        for name in names:
            for path, file in store.contents(name).files.items():
                entries = sum(map(len, file.entries.values()))
                rows.append(Row((name, path.name, str(entries), _span(file.sessions))))
        return layout(columns, rows, terminal_width()) or f"{store.folder}: no baselines", FINE
    if arguments.folder not in names:
        raise UsageError(
            f"{store.folder} has no folder {arguments.folder!r}.{did_you_mean(arguments.folder, names)} "
            f"There are: {', '.join(names) or 'none'}"
        )
    columns = Column("test"), Column("check"), Column("value", right=True), Column("accepted")
    rows = []
    for key in store.keys(arguments.folder):
        if view := store.find(arguments.folder, key):
            more = f"; {plural(len(view.sessions), 'session')} more" if view.sessions else ""
            rows.append(Row((key.test, key.name, number(view.value, view.unit), told_session(view.accepted) + more)))
    return layout(columns, rows, terminal_width()) or f"{store.folder / arguments.folder}: no entries", FINE


def _span(sessions: Collection[str]) -> str:
    """Number of sessions and their dates, which their names begin with."""
    first, last = min(sessions)[:10], max(sessions)[:10]
    return f"{len(sessions)}: {first}" + (f" to {last}" if last != first else "")


COMMAND = Command("show", "list what is stored as baselines", declare, run)
