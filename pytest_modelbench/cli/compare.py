"""``compare``: values of two results files or two folders of baselines."""

from __future__ import annotations

import argparse
from pathlib import Path

from pytest_modelbench.cli.command import FINE, Command, Outcome
from pytest_modelbench.cli.output import terminal_width

#: Folder, test and name of a value; the folder is empty where values of single folders are compared.
Place = tuple[str, str, str]


def declare(parser: argparse.ArgumentParser) -> None:
    """Add the two that are compared."""
    parser.add_argument("a", metavar="A", type=Path, help="results file or folder of baselines")
    parser.add_argument("b", metavar="B", type=Path, help="what A is compared with")


def run(arguments: argparse.Namespace) -> Outcome:
    """What both hold with their ratio, and what only one of them holds."""
    from pytest_modelbench.report.scale import number
    from pytest_modelbench.report.table import Column, Row, layout

    roots = _is_root(arguments.a) or _is_root(arguments.b)
    a, b = _values(arguments.a, by_folder=roots), _values(arguments.b, by_folder=roots)
    columns = [Column("test"), Column("check"), *(Column(title, right=True) for title in ("A", "B", "B / A"))]
    rows = []
    for place in sorted(a.keys() & b.keys()):
        (then, unit_then), (now, unit_now) = a[place], b[place]
        ratio = f"{now / then:.4g}" if then and unit_then == unit_now else "-"
        rows.append(Row((*_named(place), number(then, unit_then), number(now, unit_now), ratio)))
    parts = [f"A: {arguments.a}\nB: {arguments.b}", layout(columns, rows, terminal_width()) or "nothing is in both"]
    for side, only in (("A", a.keys() - b.keys()), ("B", b.keys() - a.keys())):
        if only:
            parts.append("\n".join([f"only in {side}:", *("    " + " ".join(_named(place)) for place in sorted(only))]))
    return "\n\n".join(parts), FINE


def _named(place: Place) -> tuple[str, str]:
    folder, test, name = place
    return (f"{folder}: {test}" if folder else test), name


def _is_root(path: Path) -> bool:
    """Whether ``path`` is a folder of baseline folders, rather than one of them."""
    return path.is_dir() and not any(path.glob("*.json"))


def _values(path: Path, by_folder: bool) -> dict[Place, tuple[float, str]]:
    """Value and unit by folder, test and name; the folder is empty unless asked for: then any two can be compared."""
    from pytest_modelbench.store.baselines import BaselineStore
    from pytest_modelbench.store.results import read_results

    if not path.is_dir():
        return {
            (check.folder if by_folder else "", *check.key): (check.judgement.value, check.metric.unit)
            for check in read_results(path).checks
        }
    # An absolute path has a name also where "." was given.
    whole = path if _is_root(path) else path.absolute().parent
    store = BaselineStore(whole)
    names = store.folders() if _is_root(path) else [path.absolute().name]
    return {
        (name if by_folder else "", *key): (view.value, view.unit)
        for name in names
        for key in store.keys(name)
        if (view := store.find(name, key))
    }


COMMAND = Command("compare", "values of two results files or two folders of baselines", declare, run)
