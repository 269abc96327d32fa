"""``compare``: values of two results files or two folders of baselines."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_modelbench.cli.command import FINE, Command, Outcome
from pytest_modelbench.cli.output import terminal_width
from pytest_modelbench.core.session import told_sources

if TYPE_CHECKING:
    from pytest_modelbench.report.comparison import Side
    from pytest_modelbench.store.schema import Origin


def declare(parser: argparse.ArgumentParser) -> None:
    """Add the two that are compared."""
    parser.add_argument("a", metavar="A", type=Path, help="earlier results file, or folder of baselines")
    parser.add_argument("b", metavar="B", type=Path, help="later one: changes are told from A to B")
    parser.add_argument("--all", action="store_true", help="list also what is equal")


def run(arguments: argparse.Namespace) -> Outcome:
    """What changed from A to B, what is equal, and what only one of them holds."""
    from pytest_modelbench.report.comparison import render

    by_folder = _is_root(arguments.a) or _is_root(arguments.b)
    a, b = (
        _stored(path, by_folder) if path.is_dir() else _measured(path, by_folder) for path in (arguments.a, arguments.b)
    )
    return render(a, b, terminal_width(), whole=arguments.all), FINE


def _is_root(path: Path) -> bool:
    """Whether ``path`` is a folder of baseline folders, rather than one of them."""
    return path.is_dir() and not any(path.glob("*.json"))


def _measured(path: Path, by_folder: bool) -> Side:
    """What a session measured; the folder of a place is empty unless asked for: then any two can be compared."""
    from pytest_modelbench.report.comparison import Place, Side, Value
    from pytest_modelbench.report.summary import setting
    from pytest_modelbench.store.results import read_results

    session = read_results(path)
    stamp = session.stamp
    about = [f"measured {_when(stamp.started)}, {told_sources(stamp.commit, stamp.dirty)}", *setting(session)]
    values = {Place(check.folder if by_folder else "", *check.key): Value.measured(check) for check in session.checks}
    return Side(str(path), " · ".join(about), values)


def _stored(path: Path, by_folder: bool) -> Side:
    """What baselines hold: all of them, or those of one folder."""
    from pytest_modelbench.report.comparison import Place, Side, Value
    from pytest_modelbench.store.baselines import BaselineStore

    # An absolute path has a name also where "." was given.
    whole = path if _is_root(path) else path.absolute().parent
    store = BaselineStore(whole)
    names = store.folders() if _is_root(path) else [path.absolute().name]
    values = {
        Place(name if by_folder else "", *key): Value.stored(view)
        for name in names
        for key in store.keys(name)
        if (view := store.find(name, key))
    }
    files = [file for name in names for file in store.contents(name).files.values()]
    sessions = {key: origin for file in files for key, origin in file.sessions.items()}
    return Side(str(path), " · ".join([_accepted(sessions), *names]), values)


def _accepted(sessions: dict[str, Origin]) -> str:
    """When baselines were recorded, and from what the last time."""
    if not sessions:
        return "no baselines"
    first, last = min(sessions), max(sessions)
    span = first[:10] if first[:10] == last[:10] else f"{first[:10]} to {last[:10]}"
    origin = sessions[last]
    torch = f", torch {origin.provenance['torch']}" if origin.provenance.get("torch") else ""
    last_from = f"{'last from ' if len(sessions) > 1 else ''}{told_sources(origin.commit, origin.dirty)}"
    return f"recorded {span}, {last_from}{torch}"


def _when(started: str) -> str:
    """``2026-11-25 08:00 UTC``."""
    return f"{started[:10]} {started[11:16]} UTC"


COMMAND = Command("compare", "compare two results files, or two folders of baselines", declare, run)
