"""The whole guide: front matter, chapters with their tables, and what stands below each."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence

from pytest_modelbench.core.session import Session
from pytest_modelbench.published.catalog.rows import DATA, NEEDS, Table
from pytest_modelbench.published.guide.archive import Archive, MeasuredFigure, MeasuredRun
from pytest_modelbench.published.guide.figure_table import GuideBlock, TableStyle, figure_table
from pytest_modelbench.published.guide.grid import GridColumn, grid
from pytest_modelbench.published.guide.layout import CHAPTERS, Chapter, Part
from pytest_modelbench.published.guide.sources import listed, versions
from pytest_modelbench.report.markdown import escape
from pytest_modelbench.report.scale import pair, plural

TITLE = "Benchmark guide"
#: Suites that together measure what the guide shows: the backbones at the published size, batches, and all else.
SUITES = ("backbones", "batch", "published")
#: Order of the figures where several tables are merged into one: the model, its times, its memory.
_MERGED_ORDER = ("parameters", "step", "forward", "backward", "rate", "memory")
#: Figures named one by one that differ between files; beyond, the rest is counted.
_MOST_ITEMS = 5

_LEGEND = """\
Use it to choose a model by accuracy, speed and memory. Every figure says where it comes from. An empty cell was not
measured. *Figures in italics* are those of the published tables; times among them are shown only beside times of the
same kind of hardware. Where a figure was measured at another setting than the published one, or on other images, the
title of its column says so, or the cell. Recommendations are computed, and the rule stands below them."""


def render(sessions: Sequence[tuple[str, Session]], tables: Sequence[Table]) -> str:
    """The guide in Markdown. ``sessions`` come with the names of their files; ``tables`` are the catalog's.

    Devices are columns in the order of their files. Files of one device with the same versions share a column; where
    both have a figure, the newer one stands. Tables that are not given are left out.
    """
    archive = Archive(sessions)
    chapters = [(chapter, parts) for chapter in CHAPTERS if (parts := _chapter(chapter, tables, archive))]
    headings: list[tuple[str, Sequence[str]]] = [("Results", ()), ("How to make it again", ())]
    headings += [(chapter.title, [title for title, _ in parts]) for chapter, parts in chapters]
    blocks = [f"# {TITLE}", _introduction(archive), _LEGEND, "## Contents", _contents(headings)]
    blocks += ["## Results", *_results(archive), *_left_out(archive)]
    blocks += ["## How to make it again", *_commands(archive)]
    for chapter, parts in chapters:
        blocks += [f"## {chapter.title}", chapter.text]
        for title, texts in parts:
            blocks += [f"### {title}"] if title else []
            blocks += texts
    return "\n\n".join(blocks) + "\n"


def _introduction(archive: Archive) -> str:
    timed = [escape(device.title) for device in archive.devices if device.timed]
    if timed:
        return f"Speed, memory and accuracy of vision models, measured on {listed(timed)}."
    if archive.devices:
        return "Cost and memory of vision models. Nothing was timed, so that speed is missing throughout."
    return "Speed, memory and accuracy of vision models. Nothing was measured yet: here is what there is to fill."


def _contents(headings: Sequence[tuple[str, Sequence[str]]]) -> str:
    """Links to all headings, by the anchors that GitHub and others make of them."""
    used = {_slug(TITLE): 1, "contents": 1}
    lines = []
    for title, parts in headings:
        lines.append(f"- [{title}](#{_anchor(title, used)})")
        lines += [f"  - [{part}](#{_anchor(part, used)})" for part in parts if part]
    return "\n".join(lines)


def _anchor(title: str, used: dict[str, int]) -> str:
    """The anchor of a heading; the second of the same title gets ``-1``."""
    slug = _slug(title)
    used[slug] = used.get(slug, 0) + 1
    return slug if used[slug] == 1 else f"{slug}-{used[slug] - 1}"


def _slug(title: str) -> str:
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def _results(archive: Archive) -> list[str]:
    if not archive.runs:
        return ["No results file was given."]
    columns = [GridColumn(title, right=False) for title in ("File", "Device", "Date", "Commit", "Versions")]
    columns += [GridColumn("Processes"), GridColumn("Figures"), GridColumn("Remarks", right=False)]
    table = grid(columns, [_run(run) for run in archive.runs])
    apart = [_disagreement(*them) for them in archive.disagreements]
    lines = [f"- {text}" for text in apart[:_MOST_ITEMS]]
    lines += [f"- and {len(apart) - _MOST_ITEMS} more"] if len(apart) > _MOST_ITEMS else []
    if not lines:
        return [table]
    what = plural(len(apart), "figure")
    return [table, f"{what} should be the same on every machine and differ; the newest stands:", "\n".join(lines)]


def _left_out(archive: Archive) -> list[str]:
    """Which published times no table shows, since nothing here was timed on the like."""
    kinds = archive.kinds
    unlike = [] if kinds - {"cpu"} else ["accelerators"]
    unlike += [] if "cpu" in kinds else ["CPUs"]
    return [f"Published times on {listed(unlike)} are left out: nothing here was timed on such."] if unlike else []


def _run(run: MeasuredRun) -> list[str]:
    environment = run.environment
    remarks = [
        text for text, holds in (("interrupted", run.interrupted), ("with uncommitted changes", run.dirty)) if holds
    ]
    return [
        run.file,
        environment.name if environment else "nothing was measured",
        run.day,
        run.commit[:10] if run.commit else "",
        versions([environment.provenance]) if environment else "",
        str(run.processes),
        str(run.checks),
        ", ".join(remarks),
    ]


def _disagreement(newer: MeasuredFigure, older: MeasuredFigure) -> str:
    then, now = pair(older.value, newer.value, newer.unit)
    what = f"{newer.metric} of {newer.subject.name} at {newer.setting}"
    return escape(f"{what}: {then} in {older.run.file}, {now} in {newer.run.file}")


def _commands(archive: Archive) -> list[str]:
    """What measures everything, for each device, and what makes this page of it."""
    files = [run.file for run in archive.runs] or ["results.json"]
    lines = [_measure(",".join(SUITES), file, kind) for file, kind in _files(archive)]
    guide = shlex.join(["pytest-modelbench", "guide", *files])
    needed = (
        "Accuracy needs weights and `--modelbench-data`, the folder of labelled images; what a table lacks, and how "
        "to get it, stands below it."
    )
    return ["```sh\n" + "\n".join([*lines, f"{guide} > guide.md"]) + "\n```", needed]


def _files(archive: Archive) -> Iterable[tuple[str, str]]:
    """A results file and its device for each device; one of each for none."""
    for device in archive.devices:
        yield device.runs[0].file, device.kind
    if not archive.devices:
        yield "results.json", ""


def _measure(suites: str, file: str, kind: str = "", *, data: bool = False) -> str:
    options = (f"--device={kind} " if kind else "") + ("--modelbench-data=DIR " if data else "")
    return f"pytest --modelbench --modelbench-suite={suites} {options}--modelbench-json={shlex.quote(file)}"


def _chapter(chapter: Chapter, tables: Sequence[Table], archive: Archive) -> list[tuple[str, list[str]]]:
    """Title and texts of each part; without a title for the only one."""
    known = {table.id: table for table in tables}
    parts = [
        (part.title or known[part.table].title, _part(part, known[part.table], tables, archive))
        for part in chapter.parts
        if part.table in known
    ]
    if merged := [known[name] for name in chapter.merged if name in known]:
        parts.append(("", _merged(merged, chapter.suites, archive)))
    return parts


def _part(part: Part, table: Table, tables: Sequence[Table], archive: Archive) -> list[str]:
    block = part.make(table, tables, archive)
    notes = [f"About what was published: {escape(_flowing(table.note))}"] if part.noted and table.note else []
    return _texts(block, notes, part.suites, part.device)


def _merged(tables: Sequence[Table], suites: str, archive: Archive) -> list[str]:
    """One table of the rows of all ``tables``, and their notes, each under its title."""
    rows = [row for table in tables for row in table.rows if row.figures]
    block = figure_table(tables[0], archive, rows=rows, style=TableStyle(batches=True, order=_MERGED_ORDER))
    notes = [
        f"About what was published as *{escape(table.title)}*: {escape(_flowing(table.note))}"
        for table in tables
        if table.note
    ]
    return _texts(block, notes, suites)


def _texts(block: GuideBlock, notes: Sequence[str], suites: str, kind: str = "") -> list[str]:
    """The table, the lines and notes below it, and what would fill it, on a device of this ``kind``."""
    texts = [block.text] if block.text else []
    below = [*block.lines, *notes] if block.text else []
    texts += ["\n".join(f"- {line}" for line in below)] if below else []
    if block.empty or block.gaps:
        command = f"`{_measure(suites, 'more.json', kind, data=not DATA.isdisjoint(block.needs))}`"
        told = "Nothing of this was measured" if block.empty else "Not everything was measured"
        needs = f" Part of it takes {'; '.join(NEEDS[need] for need in block.needs)}." if block.needs else ""
        texts.append(f"{told}; {command} measures what is missing.{needs}")
    return texts


def _flowing(text: str) -> str:
    """``text`` on one line."""
    return " ".join(text.split())
