"""The tables of recommendations, computed: who is recommended on which device, and by which rule."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from pytest_modelbench.catalog.rows import Row, Table
from pytest_modelbench.report.guide.capacity import USABLE, MemoryLine
from pytest_modelbench.report.guide.columns import MeasuredColumn
from pytest_modelbench.report.guide.evidence import Device, Evidence
from pytest_modelbench.report.guide.figure_table import Block, label, on, remarks
from pytest_modelbench.report.guide.grid import Column, grid
from pytest_modelbench.report.guide.pools import CLASSIFICATION, DETECTION, SEGMENTATION, Pool, pool
from pytest_modelbench.report.guide.published import printed
from pytest_modelbench.report.guide.rules import RULES
from pytest_modelbench.report.guide.sources import listed, sources
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


def recommendation_table(table: Table, tables: Sequence[Table], evidence: Evidence) -> Block:
    """A classifier for each row, by the row's rule, on each device that anything was timed on."""
    pools = _pools(tables, evidence)
    columns = [Column(table.columns[0], right=False)]
    columns += [Column(on("Recommended", device) if device else "Recommended", right=False) for device, _ in pools]
    columns.append(Column("Published", right=False, published=True))
    answers = [[_answer(row, one) for _, one in pools] for row in table.rows]
    lines = [[label(row), *told, row.cells[1]] for row, told in zip(table.rows, answers, strict=True)]
    return _block(grid(columns, lines), table.rows, answers, [one for _, one in pools])


def accuracy_table(table: Table, tables: Sequence[Table], evidence: Evidence) -> Block:
    """A model of each task for each row, by the row's rule; a line for each device, and one for what was published."""
    tasks = (CLASSIFICATION, DETECTION, SEGMENTATION)
    devices = _timed(evidence)
    pools = [(device, [pool(task, tables, evidence, device) for task in tasks]) for device in devices]
    columns = [Column(title, right=False) for title in (table.columns[0], "Device", *(task.title for task in tasks))]
    lines: list[list[str]] = []
    published: set[int] = set()
    answers: list[list[str]] = []
    for row in table.rows:
        for device, them in pools:
            told = [_answer(row, one) for one in them]
            answers.append(told)
            lines.append([label(row), device.title if device else "any", *told])
        published.add(len(lines))
        lines.append([label(row), "published", *row.cells[1:]])
    return _block(grid(columns, lines, published), table.rows, answers, [one for _, them in pools for one in them])


def hardware_table(table: Table, tables: Sequence[Table], evidence: Evidence) -> Block:
    """A classifier for each size of memory with its largest batch, and one for machines without an accelerator."""
    pools = _pools(tables, evidence)
    on_cpu = next((one for device, one in pools if device is not None and device.kind == "cpu"), None)
    columns = [Column(table.columns[0], right=False), Column("Recommended", right=False)]
    columns += [Column("Published", right=False, published=True), Column("Batch, published", published=True)]
    asked = [on_cpu if _limit(row) == math.inf else pools[0][1] for row in table.rows]
    answers = [[_answer(row, one) if one is not None else ""] for row, one in zip(table.rows, asked, strict=True)]
    lines = [
        [label(row), *told, row.cells[1], printed(row.figure("max_batch"))]
        for row, told in zip(table.rows, answers, strict=True)
    ]
    used = {row.rule: [one] if one is not None else [] for row, one in zip(table.rows, asked, strict=True)}
    return _block(grid(columns, lines), table.rows, answers, used)


def batch_table(tables: Sequence[Table], evidence: Evidence) -> Block:
    """The largest batch in training by memory, for each model with peaks at two batch sizes or more."""
    found = _pools(tables, evidence)[0][1]
    columns = [Column("Backbone", right=False), Column("Without images"), Column("Per image")]
    columns += [Column(f"{size} GiB") for size in MEMORIES_GIB]
    lines = [_batches(name, line) for name, line in found.lines.items()]
    below = []
    if found.line_peaks is not None:
        below += [escape(text) for text in sources([("Peaks by batch", found.line_peaks)])]
        worst = max(line.off for line in found.lines.values())
        below.append(
            "Rule: a line by least squares through a model's peaks by batch size (it misses none by more than "
            f"{number(worst, 'fraction')}), and the largest batch that by it fits into {100 * USABLE:.0f} % of the "
            "memory; the rest is for the device's context, libraries' workspaces and gaps between blocks."
        )
    return Block(grid(columns, lines), tuple(below), empty=not lines, gaps=not lines)


def _batches(name: str, line: MemoryLine) -> list[str]:
    largest = [line.largest_batch(size * 2**30) for size in MEMORIES_GIB]
    sizes = [number(max(0.0, line.fixed_bytes), "bytes"), number(line.per_image_bytes, "bytes")]
    return [name, *sizes, *(f"{count:,}" if count else "none" for count in largest)]


def _pools(tables: Sequence[Table], evidence: Evidence) -> list[tuple[Device | None, Pool]]:
    """Classifiers on each device that anything was timed on; without times if there is none."""
    return [(device, pool(CLASSIFICATION, tables, evidence, device)) for device in _timed(evidence)]


def _timed(evidence: Evidence) -> list[Device | None]:
    """The devices that anything was timed on, None in place of them if there are none."""
    return [device for device in evidence.devices if device.timed] or [None]


def _answer(row: Row, candidates: Pool) -> str:
    return RULES[row.rule].recommended(candidates.candidates, _limit(row))


def _limit(row: Row) -> float:
    """Bytes or seconds that the row's name, ``16gb`` or ``4h``, grants; infinite for any other."""
    match = _LIMIT.fullmatch(row.id.rpartition("/")[2])
    return float(match[1]) * _LIMIT_UNITS[match[2]] if match else math.inf


def _block(
    text: str,
    rows: Sequence[Row],
    answers: Sequence[Sequence[str]],
    asked: Sequence[Pool] | Mapping[str, Sequence[Pool]],
) -> Block:
    """The block of a table with these answers; ``asked`` are the pools that all rules looked at, or those of each."""
    pools = asked if isinstance(asked, Mapping) else dict.fromkeys((row.rule for row in rows), asked)
    told = [answer for line in answers for answer in line]
    below: list[str] = []
    used: dict[int, tuple[str, MeasuredColumn]] = {}
    for rule, names in _by_rule(rows).items():
        among = listed(list(dict.fromkeys(_among(rule, one) for one in pools[rule]))) or "0"
        below.append(escape(f"Rule for {names}, among {among} models: {RULES[rule].sentence}."))
        wanted = {_COLUMN_OF[figure] for figure in RULES[rule].needs}
        for one in pools[rule]:
            used |= {id(column): (title, column) for title, column in one.columns if title in wanted}
    below += [PUBLISHED_ACCURACY] if any("†" in answer for answer in told) else []
    below += [escape(line) for line in sources(used.values())]
    return Block(text, (*below, *remarks(rows)), empty=not any(told), gaps="" in told)


def _among(rule: str, candidates: Pool) -> str:
    """How many of how many candidates have the figures that the rule looks at: ``3 of 25``."""
    return f"{len(RULES[rule].known(candidates.candidates))} of {len(candidates.candidates)}"


def _by_rule(rows: Sequence[Row]) -> dict[str, str]:
    """For each rule that occurs the labels of its rows; for one that all share, ``every row``."""
    names: dict[str, list[str]] = {}
    for row in rows:
        names.setdefault(row.rule, []).append(label(row))
    if len(names) == 1 and len(rows) > 1:
        return dict.fromkeys(names, "every row")
    return {rule: ", ".join(labels) for rule, labels in names.items()}
