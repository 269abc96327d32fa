"""Environments side by side: their facts, and what the same check comes to in each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pytest_modelbench.core.environment import PACKAGES, Environment, Fact
from pytest_modelbench.core.measurement import CheckKey
from pytest_modelbench.core.packages import summary
from pytest_modelbench.core.series import Series
from pytest_modelbench.core.session import Session
from pytest_modelbench.report.page.rows import LOOKS, Row
from pytest_modelbench.report.scale import number, percent
from pytest_modelbench.report.summary import Standing

#: Checks that are shown side by side, trouble first: every row has its own.
_MOST = 200


@dataclass(frozen=True, slots=True)
class Cell:
    """A check in one environment: its latest value, its change, and the date, where that is not this session's."""

    value: str
    change: str
    look: str
    mark: str
    standing: str
    date: str
    address: str = ""


@dataclass(frozen=True, slots=True)
class Beside:
    """The checks of more than one environment; a cell for each of ``names``, None where it was not measured."""

    names: tuple[str, ...]
    rows: tuple[tuple[str, str, tuple[Cell | None, ...]], ...]
    more: int


def beside(session: Session, rows: Sequence[Row], history: Sequence[Series]) -> Beside | None:
    """What of ``rows`` is measured in several environments, in this session or an earlier one; None if nothing is."""
    here = {name for one in session.environments for name in (one.slug, one.kind)}
    found: dict[CheckKey, dict[str, Cell]] = {}
    cases = {row.line.check.key: row.line.check.case.id for row in rows}
    for row in rows:
        cell = Cell(row.line.now, row.line.change, row.look, row.mark, row.line.standing.value, "", row.id)
        found.setdefault(row.line.check.key, {})[row.line.check.environment] = cell
    for series in history:
        key = CheckKey(series.test, series.name)
        if key in found and series.folder != "portable" and series.folder not in here:
            found[key][series.folder] = _last(series)
    several = [(key, cells) for key, cells in found.items() if len(cells) > 1]
    if not several:
        return None
    folders = sorted({folder for _, cells in several for folder in cells}, key=lambda one: (one not in here, one))
    named = {one.slug: one.name for one in session.environments}
    shown = tuple((cases[key], key.name, tuple(map(cells.get, folders))) for key, cells in several[:_MOST])
    return Beside(tuple(named.get(one, one) for one in folders), shown, len(several) - len(shown))


def _last(series: Series) -> Cell:
    last = series.last
    look, mark = LOOKS[Standing(last.verdict.value)]
    change = "-" if last.ratio is None else percent(last.ratio)
    return Cell(number(last.value, series.unit), change, look, mark, last.verdict.value, last.started[:10])


def facts(environments: Sequence[Environment]) -> list[tuple[str, list[str], bool]]:
    """Each fact by its name: what it is in each of ``environments``, and whether it differs."""
    every = [{**one.identity, **one.provenance} for one in environments]
    names = dict.fromkeys(name for one in every for name, fact in one.items() if fact not in (None, ""))
    told = [(name, [_told(name, one.get(name)) for one in every]) for name in names]
    return [(name, values, len(set(values)) > 1) for name, values in told]


def _told(name: str, fact: Fact) -> str:
    if fact is None or fact == "":
        return "-"
    return summary(str(fact)) if name == PACKAGES else str(fact)
