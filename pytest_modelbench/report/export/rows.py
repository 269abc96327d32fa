"""A session as a table: a row for each check, which CSV and Parquet share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from pytest_modelbench.core.session import Check, Session

Cell = str | float | int | bool | None


class Kind(Enum):
    """What the cells of a column are."""

    TEXT = "text"
    NUMBER = "number"
    COUNT = "count"
    TRUTH = "truth"


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name, which stays, what its cells are, and how a cell comes from a check of a session."""

    name: str
    kind: Kind
    of: Callable[[Session, Check], Cell]


#: The columns in their order, as `docs/ci.md` explains them: new ones are added at the end, none is renamed. Values
#: are in ``unit``: seconds, bytes, counts, fractions.
COLUMNS = (
    Column("session", Kind.TEXT, lambda session, check: session.stamp.id),
    Column("started", Kind.TEXT, lambda session, check: session.stamp.started),
    Column("commit", Kind.TEXT, lambda session, check: session.stamp.commit),
    Column("dirty", Kind.TRUTH, lambda session, check: session.stamp.dirty),
    Column("environment", Kind.TEXT, lambda session, check: check.environment),
    Column("folder", Kind.TEXT, lambda session, check: check.folder),
    Column("test", Kind.TEXT, lambda session, check: check.key.test),
    Column("check", Kind.TEXT, lambda session, check: check.key.name),
    Column("case", Kind.TEXT, lambda session, check: check.case.id),
    Column("metric", Kind.TEXT, lambda session, check: check.metric.name),
    Column("unit", Kind.TEXT, lambda session, check: check.metric.unit),
    Column("better", Kind.TEXT, lambda session, check: check.metric.better.value),
    Column("band", Kind.TEXT, lambda session, check: check.metric.band.text),
    Column("verdict", Kind.TEXT, lambda session, check: check.judgement.verdict.value),
    Column("value", Kind.NUMBER, lambda session, check: float(check.judgement.value)),
    Column("baseline", Kind.NUMBER, lambda session, check: _number(check.judgement.baseline)),
    Column("ratio", Kind.NUMBER, lambda session, check: _number(check.judgement.ratio)),
    Column("low_ratio", Kind.NUMBER, lambda session, check: _number(check.judgement.low_ratio)),
    Column("high_ratio", Kind.NUMBER, lambda session, check: _number(check.judgement.high_ratio)),
    Column("processes", Kind.COUNT, lambda session, check: check.judgement.processes),
    Column("pairs", Kind.COUNT, lambda session, check: check.judgement.pairs),
    Column("accepted", Kind.TEXT, lambda session, check: check.baseline.accepted if check.baseline else None),
)


def rows(session: Session) -> list[tuple[Cell, ...]]:
    """The cells of every check, in the order of `COLUMNS`."""
    return [tuple(column.of(session, check) for column in COLUMNS) for check in session.checks]


def _number(value: float | None) -> float | None:
    return None if value is None else float(value)
