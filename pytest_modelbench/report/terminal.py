"""A session for the terminal: one table, then what was not gated, what to do, and the tally."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pytest_modelbench.core.change import Change, ChangeKind
from pytest_modelbench.core.printable import printable
from pytest_modelbench.core.session import Check, Session
from pytest_modelbench.report.footnotes import footnotes, mark
from pytest_modelbench.report.notices import notices
from pytest_modelbench.report.scale import moved, number, pair, percent
from pytest_modelbench.report.summary import FINE, Line, Notice, Standing, Told, circumstances, lines, tally
from pytest_modelbench.report.table import Colour, Column, Row, layout, painted

COLOURS = {
    Standing.REGRESSED: Colour.RED,
    Standing.INCOMPARABLE: Colour.YELLOW,
    Standing.INCONCLUSIVE: Colour.YELLOW,
    Standing.MISSING: Colour.RED,
    Standing.IMPROVED: Colour.GREEN,
    Standing.NEW: Colour.YELLOW,
    Standing.UNCHANGED: Colour.PLAIN,
    Standing.OK: Colour.PLAIN,
}

_COLUMNS = (
    Column("case"),
    Column("metric"),
    Column("baseline", right=True, drops=2),
    Column("now", right=True),
    Column("change", right=True, coloured=True),
    Column("band", right=True, drops=1),
    Column("verdict", coloured=True),
)
#: Columns about what is compared with.
_COMPARING = ("baseline", "change")

_CHANGE_COLUMNS = (
    Column("test"),
    Column("check"),
    Column("old", right=True),
    Column("", drops=1),
    Column("new", right=True),
    Column("change", right=True, drops=3),
    Column("entry", drops=2),
)
#: Kinds of changes that leave the value that is compared with as it was: counted, not listed.
_ANCHOR_KEPT = {ChangeKind.SESSION_ADDED, ChangeKind.UNCHANGED}


@dataclass(frozen=True, slots=True)
class Look:
    """What a terminal can show. ``quiet`` leaves only rows that are not ok, and one line."""

    width: int = 80
    colour: bool = False
    quiet: bool = False


def render(session: Session, look: Look, told: Told | None = None) -> str:
    """The whole report.

    Tables keep to the width; sentences and commands are not wrapped, so that they can be searched for and pasted.
    """
    told = told or Told()
    colour, quiet = look.colour, look.quiet
    found = lines(session)
    shown = [line for line in found if not (quiet and line.standing in FINE)]
    table = _table(shown, look)
    worst = COLOURS[found[0].standing] if found else Colour.PLAIN
    said = [*notices(session, told), *told.refused]
    if quiet:
        short = (notice.short for notice in said if notice.short and notice not in told.refused)
        last = "; ".join([tally(session), *short])
        # What was asked for and not done is told in full.
        refused = [line for notice in told.refused for line in notice_lines(notice, colour=colour)]
        return "\n".join(part for part in (table, *refused, _paint(last, worst, colour)) if part)
    parts = [table] if table else []
    parts += ["\n".join(line for notice in said for line in notice_lines(notice, colour=colour))] if said else []
    parts.append(circumstances(session) + "\n" + _paint(tally(session), worst, colour))
    return "\n\n".join(parts)


def render_changes(changes: Iterable[Change], *, width: int, colour: bool, checks: Iterable[Check] = ()) -> str:
    """What was accepted, old -> new, file by file, and how many entries of each kind there were.

    ``checks`` are what was judged: where their change is marked, it is told as there, with the footnote.
    """
    marked = {(check.folder, check.key): check for check in checks if mark(check)}
    changes = sorted(changes, key=lambda change: (_path(change), change.key))
    shared = Counter((_short(change.key.test), change.key.name, _path(change)) for change in changes)
    by_file: dict[str, list[Row]] = {}
    noted: dict[str, list[Check]] = {}
    for change in changes:
        if change.kind not in _ANCHOR_KEPT:
            short, path = _short(change.key.test), _path(change)
            label = short if shared[short, change.key.name, path] == 1 else change.key.test
            check = marked.get((change.folder, change.key)) if change.old is not None else None
            by_file.setdefault(path, []).append(_change_row(change, label, check))
            noted.setdefault(path, []).extend([check] if check else [])
    parts = []
    for path, rows in by_file.items():
        table = layout(_CHANGE_COLUMNS, rows, width, colour=colour, all_columns=True)
        parts.append(
            "\n".join([_paint(printable(path), Colour.BOLD, colour), table, *footnotes(noted[path], [mark]), ""])
        )
    kinds = Counter(change.kind.value for change in changes)
    told = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    return "\n".join([*parts, f"baselines: {told}" if told else "baselines: nothing to accept"])


def _short(test: str) -> str:
    """Node id without its module: the baseline file says as much."""
    head, bracket, parameters = test.partition("[")
    return head.partition("::")[2] + bracket + parameters if "::" in head else test


def _table(shown: Sequence[Line], look: Look) -> str:
    """The checks that are shown, and what their marks mean."""
    marked, now_marked = any(line.mark for line in shown), any(line.now_mark for line in shown)
    rows = [_row(line, marked, now_marked) for line in shown]
    # Where nothing is compared with anything, there is nothing to say of it.
    said = [at for at, column in enumerate(_COLUMNS) if column.title not in _COMPARING or _says(rows, at)]
    rows = [Row(tuple(row.cells[at] for at in said), row.colour) for row in rows]
    table = layout([_COLUMNS[at] for at in said], rows, look.width, colour=look.colour)
    return "\n".join([table, *footnotes(line.check for line in shown)])


def _says(rows: Sequence[Row], at: int) -> bool:
    """Whether the column ``at`` holds anything."""
    return any(row.cells[at].strip() != "-" for row in rows)


def _row(line: Line, marked: bool, now_marked: bool) -> Row:
    """``marked``, ``now_marked``: room is kept for a mark, so that figures stay below each other."""
    change = line.change + (line.mark or " ") if marked else line.change
    now = line.now + (line.now_mark or " ") if now_marked else line.now
    cells = (line.case, line.metric, line.baseline, now, change, line.band, line.standing.value)
    return Row(cells, COLOURS[line.standing])


def _path(change: Change) -> str:
    """Folder and file, whether ``file`` holds its folder already or not."""
    folder = change.folder.rstrip("/")
    return change.file if folder in change.file.split("/")[:-1] else f"{folder}/{change.file}"


def _change_row(change: Change, label: str, check: Check | None) -> Row:
    """``check``: what was judged, where its change is another than the two values say."""
    old = number(change.old, change.unit) if change.old is not None else "-"
    new = number(change.new, change.unit) if change.new is not None else "-"
    how = ""
    if change.old is not None and change.new is not None:
        old, new = pair(change.old, change.new, change.unit)
        how = moved(change.old, change.new, change.unit)
    if check is not None and check.judgement.ratio and (found := mark(check)):
        how = percent(check.judgement.ratio) + found.value
    return Row((label, change.key.name, old, "->", new, how, change.kind.value))


def notice_lines(notice: Notice, *, colour: bool) -> Sequence[str]:
    """The notice, what it is about, and the command that helps, line by line."""
    text = printable(notice.text)
    told = [_paint(text, Colour.YELLOW, colour and bool(notice.short))]
    told += [f"    {printable(item)}" for item in notice.items]
    return told + ([f"    {printable(notice.command)}"] if notice.command else [])


def _paint(text: str, paint: Colour, colour: bool) -> str:
    return painted(text, paint) if colour else text
