"""Where figures come from, in words: what stands below every table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pytest_modelbench.published.guide.archive import MeasuredFigure
from pytest_modelbench.published.guide.cases import Setting
from pytest_modelbench.published.guide.columns import Cell, MeasuredColumn
from pytest_modelbench.published.guide.measures import BATCH, IMAGE, PRECISION, Measure
from pytest_modelbench.report.scale import plural

#: What a figure is quoted with.
_VERSIONS: tuple[str, ...] = ("torch", "timm", "cuda", "driver")
#: The same for one that no device has a part in.
_PORTABLE: tuple[str, ...] = ("torch", "timm")


def sources(columns: Iterable[tuple[str, MeasuredColumn]]) -> list[str]:
    """A line for each device and day with what is from there and how it was measured; one for what was disturbed."""
    entries: dict[str, list[str]] = {}
    disturbed: list[str] = []
    for title, column in columns:
        if column.known:
            told = entries.setdefault(_where(column), [])
            entry = f"{title} ({how(column)})"
            told += [entry] if entry not in told else []
            disturbed += [one.disturbed for cell in column.cells if cell for one in cell.figures if one.disturbed]
    lines = [f"{where}: {'; '.join(told)}." for where, told in entries.items()]
    if disturbed:
        lines.append(f"Disturbed while measured: {plural(len(disturbed), 'figure')}; the first: {disturbed[0]}.")
    return lines


def _where(column: MeasuredColumn) -> str:
    """``NVIDIA H200, 2026-11-22, torch 2.15.0, timm 1.0.31``."""
    figures = _figures(column)
    days = sorted({one.run.day for one in figures})
    known = [one.run.environment.provenance for one in figures if one.run.environment is not None]
    place, names = "The same on every machine", _PORTABLE
    if column.device is not None:
        place, names = column.device.title, _VERSIONS
    return ", ".join(filter(None, [place, " to ".join(dict.fromkeys([days[0], days[-1]])), versions(known, names)]))


def how(column: MeasuredColumn) -> str:
    """``median of 3 processes, batch 1, 224 x 224, fp32``."""
    measure, figures = column.measure, _figures(column)
    told = measure.how
    if told.startswith("median"):
        low, high = min(one.processes for one in figures), max(one.processes for one in figures)
        told += f" of {plural(low, 'process')}" if low == high else f" of {low} to {high} processes"
    cells = [cell for cell in column.alike if cell is not None]
    return ", ".join(filter(None, [told, settings(cells, measure), _data(figures)]))


def _figures(column: MeasuredColumn) -> list[MeasuredFigure]:
    return [one for cell in column.alike if cell is not None for one in cell.figures]


def versions(known: Sequence[Mapping[str, object]], names: Sequence[str] = _VERSIONS) -> str:
    """``torch 2.15.0, timm 1.0.31``; all that occur, where they differ."""
    parts = []
    for name in names:
        found = dict.fromkeys(str(one[name]) for one in known if one.get(name))
        parts += [f"{name} {' and '.join(found)}"] if found else []
    return ", ".join(parts)


def settings(cells: Sequence[Cell], measure: Measure) -> str:
    """What ``cells`` were measured at, as far as it matters: ``batch 1, 224 x 224, fp32``."""
    found = [cell.setting for cell in cells]
    parts = []
    if BATCH in measure.matters:
        parts.append(f"batch {listed(_each(str(one.batch_size) for one in sorted(found, key=_batch)))}")
    if IMAGE in measure.matters:
        parts.append(listed(_each("{} x {}".format(*one.image_size) for one in sorted(found, key=_image))))
    if PRECISION in measure.matters:
        parts.append(listed(_each(one.precision for one in found)))
    return ", ".join(parts)


def _data(figures: Sequence[MeasuredFigure]) -> str:
    """``on photos, 20 images``; empty for what is measured without labelled images."""
    named = {
        one.data: f"on {one.data}" + (f", {plural(one.images, 'image')}" if one.images else "")
        for one in figures
        if one.data
    }
    return listed(list(named.values()))


def _batch(setting: Setting) -> int:
    return setting.batch_size


def _image(setting: Setting) -> tuple[int, int]:
    return setting.image_size


def _each(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))


def listed(texts: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return " and ".join(filter(None, [", ".join(texts[:-1]), *texts[-1:]]))
