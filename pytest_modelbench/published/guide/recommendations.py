"""The tables of recommendations, computed: who is recommended on which device, and by which rule."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from pytest_modelbench.published.catalog.rows import PublishedRow, Table
from pytest_modelbench.published.guide.archive import Archive, Device
from pytest_modelbench.published.guide.capacity import USABLE, MemoryLine
from pytest_modelbench.published.guide.columns import MeasuredColumn
from pytest_modelbench.published.guide.figure_table import GuideBlock, label, on, remarks
from pytest_modelbench.published.guide.grid import GridColumn, grid
from pytest_modelbench.published.guide.pools import CLASSIFICATION, DETECTION, SEGMENTATION, CandidatePool, pool
from pytest_modelbench.published.guide.published import printed
from pytest_modelbench.published.guide.rules import RULES
from pytest_modelbench.published.guide.sources import how, listed, settings, sources
from pytest_modelbench.report.markdown import escape
from pytest_modelbench.report.scale import number

PUBLISHED_ACCURACY = "† accuracy as published: it was not measured here on one set of images for all candidates."
#: Memories that the largest batch is told for: those of the guide's table of hardware.
MEMORIES_GIB = (4, 8, 16, 24)

_LIMIT = re.compile(r"(\d+)(gb|h)")
_LIMIT_UNITS = {"gb": 2.0**30, "h": 3600.0}
#: Which column of a pool a figure of a candidate is from.
_COLUMN_OF = {
    "latency_s": "Time per image",
    "accuracy": "Accuracy",
    "parameter_bytes": "Size",
    "peak_train_bytes": "Training memory",
    "train_images_per_s": "Training throughput",
    "memory": "Peaks by batch",
}
#: Columns of peaks, of which there are several kinds.
_PEAKS = ("Training memory", "Peaks by batch")


def recommendation_table(table: Table, tables: Sequence[Table], archive: Archive) -> GuideBlock:
    """A classifier for each row, by the row's rule, on each device that anything was timed on."""
    pools = _pools(tables, archive)
    columns = [GridColumn(table.columns[0], right=False)]
    columns += [GridColumn(on("Recommended", device) if device else "Recommended", right=False) for device, _ in pools]
    columns.append(GridColumn("Published", right=False, published=True))
    lines = [[label(row), *(_answer(row, one) for _, one in pools), row.cells[1]] for row in table.rows]
    return _block(grid(columns, lines), table.rows, [(row, one) for row in table.rows for _, one in pools])


def accuracy_table(table: Table, tables: Sequence[Table], archive: Archive) -> GuideBlock:
    """A model of each task for each row, by the row's rule; a line for each device, and one for what was published."""
    tasks = (CLASSIFICATION, DETECTION, SEGMENTATION)
    devices = _timed(archive)
    pools = [(device, [pool(task, tables, archive, device) for task in tasks]) for device in devices]
    columns = [
        GridColumn(title, right=False) for title in (table.columns[0], "Device", *(task.title for task in tasks))
    ]
    lines: list[list[str]] = []
    published: set[int] = set()
    for row in table.rows:
        for device, them in pools:
            lines.append([label(row), device.title if device else "any", *(_answer(row, one) for one in them)])
        published.add(len(lines))
        lines.append([label(row), "published", *row.cells[1:]])
    asked = [(row, one) for row in table.rows for _, them in pools for one in them]
    return _block(grid(columns, lines, published), table.rows, asked)


def hardware_table(table: Table, tables: Sequence[Table], archive: Archive) -> GuideBlock:
    """A classifier for each size of memory with its largest batch, and one for machines without an accelerator."""
    pools = _pools(tables, archive)
    on_cpu = next((one for device, one in pools if device is not None and device.kind == "cpu"), None)
    columns = [GridColumn(table.columns[0], right=False), GridColumn("Recommended", right=False)]
    columns += [GridColumn("Published", right=False, published=True), GridColumn("Batch, published", published=True)]
    asked = [(row, on_cpu if _limit(row) == math.inf else pools[0][1]) for row in table.rows]
    lines = [[label(row), _answer(row, one), row.cells[1], printed(row.figure("max_batch"))] for row, one in asked]
    return _block(grid(columns, lines), table.rows, asked)


def batch_table(tables: Sequence[Table], archive: Archive) -> GuideBlock:
    """The largest batch in training by memory, for each model with peaks at two batch sizes or more."""
    found = _pools(tables, archive)[0][1]
    columns = [GridColumn("Backbone", right=False), GridColumn("Without images"), GridColumn("Per image")]
    columns += [GridColumn(f"{size} GiB") for size in MEMORIES_GIB]
    lines = [_batches(name, line) for name, line in found.lines.items()]
    below = []
    if found.line_peaks is not None:
        below += [escape(text) for text in sources([("Peaks by batch", found.line_peaks)])]
        # A line meets two points whatever they are.
        worst = max((line.off for line in found.lines.values() if len(line.batch_sizes) > 2), default=None)
        missed = "" if worst is None else f" (of three or more it misses none by more than {number(worst, 'fraction')})"
        below.append(
            f"Rule: a line by least squares through a model's peaks by batch size{missed}, and the largest batch that "
            f"by it fits into {100 * USABLE:.0f} % of the memory; the rest is for the device's context, libraries' "
            "workspaces and gaps between blocks."
        )
    return GuideBlock(grid(columns, lines), tuple(below), empty=not lines, gaps=not lines)


def _batches(name: str, line: MemoryLine) -> list[str]:
    largest = [line.largest_batch(size * 2**30) for size in MEMORIES_GIB]
    sizes = [number(max(0.0, line.fixed_bytes), "bytes"), number(line.per_image_bytes, "bytes")]
    return [name, *sizes, *(f"{count:,}" if count else "none" for count in largest)]


def _pools(tables: Sequence[Table], archive: Archive) -> list[tuple[Device | None, CandidatePool]]:
    """Classifiers on each device that anything was timed on; without times if there is none."""
    return [(device, pool(CLASSIFICATION, tables, archive, device)) for device in _timed(archive)]


def _timed(archive: Archive) -> list[Device | None]:
    """The devices that anything was timed on, None in place of them if there are none."""
    return [device for device in archive.devices if device.timed] or [None]


def _answer(row: PublishedRow, candidates: CandidatePool | None) -> str:
    return "" if candidates is None else RULES[row.rule].recommended(candidates.candidates, _limit(row))


def _limit(row: PublishedRow) -> float:
    """Bytes or seconds that the row's name, ``16gb`` or ``4h``, grants; infinite for any other."""
    match = _LIMIT.fullmatch(row.id.rpartition("/")[2])
    return float(match[1]) * _LIMIT_UNITS[match[2]] if match else math.inf


def _block(
    text: str, rows: Sequence[PublishedRow], asked: Sequence[tuple[PublishedRow, CandidatePool | None]]
) -> GuideBlock:
    """The block of a table; ``asked`` are the pools that each row's rule looked at, None where there is none."""
    told = [(row, one, _answer(row, one)) for row, one in asked]
    below: list[str] = []
    used: dict[int, tuple[str, MeasuredColumn]] = {}
    elsewhere: list[str] = []
    for rule, names in _by_rule(rows).items():
        pools = list({id(one): one for row, one in asked if row.rule == rule and one is not None}.values())
        among = listed(list(dict.fromkeys(_among(rule, one) for one in pools))) or "0"
        wanted = _wanted(rule)
        found = [(title, column) for one in pools for title, column in one.columns if title in wanted]
        used |= {id(column): (title, column) for title, column in found}
        elsewhere += [line for one in pools for line in _elsewhere(rule, one)]
        peaks = next((how(column) for title, column in found if title in _PEAKS and column.known), "")
        sentence = RULES[rule].sentence + (f"; memory is the {peaks}" if peaks else "")
        below.append(escape(f"Rule for {names}, among {among} models: {sentence}."))
    below += [PUBLISHED_ACCURACY] if any("†" in answer for _, _, answer in told) else []
    below += map(escape, [*sources(used.values()), *dict.fromkeys(elsewhere)])
    answered = {(row.id, one.task) for row, one, answer in told if one is not None and answer}
    # What a device is not timed at is no gap if another one was.
    gaps = any(
        not answer and (one is None or (row.id, one.task) not in answered or not _elsewhere(row.rule, one))
        for row, one, answer in told
    )
    return GuideBlock(text, (*below, *remarks(rows)), empty=not any(answer for _, _, answer in told), gaps=gaps)


def _wanted(rule: str) -> set[str]:
    """Titles of the columns that the rule looks at."""
    return {_COLUMN_OF[figure] for figure in RULES[rule].needs}


def _elsewhere(rule: str, candidates: CandidatePool) -> list[str]:
    """What is missing for the rule because it was measured at another image size only."""
    lines = []
    for title, column in candidates.elsewhere.items():
        if title in _wanted(rule) and column.device is not None:
            found = settings([cell for cell in column.cells if cell is not None], column.measure)
            size = "{} x {}".format(*candidates.task.image_size)
            where = f"{title} on {column.device.title}, {candidates.task.name}"
            lines.append(f"{where}: missing at the published {size}; it was measured at {found} only.")
    return lines


def _among(rule: str, candidates: CandidatePool) -> str:
    """How many of how many candidates have the figures that the rule looks at: ``3 of 25``."""
    return f"{len(RULES[rule].known(candidates.candidates))} of {len(candidates.candidates)}"


def _by_rule(rows: Sequence[PublishedRow]) -> dict[str, str]:
    """For each rule that occurs the labels of its rows; for one that all share, ``every row``."""
    names: dict[str, list[str]] = {}
    for row in rows:
        names.setdefault(row.rule, []).append(label(row))
    if len(names) == 1 and len(rows) > 1:
        return dict.fromkeys(names, "every row")
    return {rule: ", ".join(labels) for rule, labels in names.items()}
