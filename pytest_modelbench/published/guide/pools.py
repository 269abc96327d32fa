"""Who can be recommended: the models of the catalog's tables with what is known of each, on one device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pytest_modelbench.published.catalog.cases import CaseSpec
from pytest_modelbench.published.catalog.rows import Table
from pytest_modelbench.published.guide.archive import Archive, Device, MeasuredFigure
from pytest_modelbench.published.guide.capacity import MemoryLine, fit
from pytest_modelbench.published.guide.cases import subject_of
from pytest_modelbench.published.guide.choice import Candidate
from pytest_modelbench.published.guide.columns import Cell, Find, MeasuredColumn, measured_column
from pytest_modelbench.published.guide.measures import (
    LATENCY,
    MEASURES,
    PASS_MEMORY,
    SIZE,
    STEP_MEMORY,
    TRAIN_THROUGHPUT,
    Measure,
)


@dataclass(frozen=True, slots=True)
class RankedTask:
    """Where the candidates of a task stand in the catalog: tables, and the name of the accuracy's figure there.

    ``image_size`` is the published one, and that of all times that models are compared by.
    """

    title: str
    name: str
    tables: tuple[str, ...]
    accuracy: str
    image_size: tuple[int, int]


CLASSIFICATION = RankedTask(
    "Classification", "classification", ("backbones-cnn", "backbones-transformer"), "top1", (224, 224)
)
DETECTION = RankedTask("Detection", "detection", ("coco-detection", "detection-accuracy-speed"), "map", (640, 640))
SEGMENTATION = RankedTask("Segmentation", "segmentation", ("cityscapes", "segmentation-speed"), "miou", (512, 512))
#: Images of a training step whose time and memory recommendations go by: what the guide's own code takes.
TRAINED_BATCH = 32


@dataclass(frozen=True, slots=True)
class CandidatePool:
    """Candidates for one task on one device, and the columns that their figures are from, under their titles.

    ``lines`` holds the memory line of every model that has one, those included that nothing else is known of;
    ``line_peaks`` are the peaks that they were laid through. ``elsewhere`` has the columns that are empty because
    everything was measured at another image size than the task's: what there is of them.
    """

    task: RankedTask
    candidates: tuple[Candidate, ...]
    columns: tuple[tuple[str, MeasuredColumn], ...]
    lines: Mapping[str, MemoryLine]
    line_peaks: MeasuredColumn | None
    elsewhere: Mapping[str, MeasuredColumn]


def pool(task: RankedTask, tables: Sequence[Table], archive: Archive, device: Device | None) -> CandidatePool:
    """The candidates for ``task`` with their times on ``device``, without any if that is None."""
    published = _published(task, tables)
    specs = _specs(task, tables, published)
    names = list(specs)
    # Every search asks for the same setting; a measured column then takes the one that most models have.
    inference = [replace(spec, batch_size=1, image_size=task.image_size, precision="fp32") for spec in specs.values()]
    training = [replace(spec, batch_size=TRAINED_BATCH, mode="train", precision="amp-bf16") for spec in inference]
    columns = {"Accuracy": measured_column(inference, MEASURES[task.accuracy], archive.find)}
    columns["Size"] = measured_column(inference, (SIZE,), archive.find)
    columns["Training memory"] = _training_memory(training, archive)
    elsewhere: dict[str, MeasuredColumn] = {}
    timed = (("Time per image", inference, LATENCY), ("Training throughput", training, TRAIN_THROUGHPUT))
    for title, asked, measure in timed:
        if device is None:
            continue
        columns[title] = measured_column(asked, (measure,), _at(task.image_size, device.find), device)
        whatever = measured_column(asked, (measure,), device.find, device)
        if whatever.known and not columns[title].known:
            elsewhere[title] = whatever
    lines, peaks = memory_lines(training, archive)
    measured = dict(zip(names, columns["Accuracy"].alike, strict=True))
    rated = {name: cell for name, cell in measured.items() if cell is not None}
    # Figures on different images are no ranking: measured ones count if all have one, otherwise published ones do.
    ours = rated.keys() >= published.keys() and bool(rated)
    if not ours:
        del columns["Accuracy"]
    candidates = []
    for index, name in enumerate(names):
        cells = {title: column.alike[index] for title, column in columns.items()}
        time = cells.get("Time per image")
        candidates.append(
            Candidate(
                name,
                None if time is None else time.value / time.setting.batch_size,
                rated[name].value if ours and name in rated else published.get(name),
                not ours,
                _value(cells["Size"]),
                _value(cells["Training memory"]),
                lines.get(name),
                _value(cells.get("Training throughput")),
            )
        )
    named = [*columns.items(), *([("Peaks by batch", peaks)] if peaks is not None else [])]
    return CandidatePool(task, tuple(candidates), tuple(named), lines, peaks, elsewhere)


def _at(image_size: tuple[int, int], find: Find) -> Find:
    """``find``, of figures at ``image_size`` alone."""
    return lambda subject, metric: tuple(one for one in find(subject, metric) if one.setting.image_size == image_size)


def _published(task: RankedTask, tables: Sequence[Table]) -> dict[str, float]:
    """Published accuracy by the name that results list a model under."""
    found: dict[str, float] = {}
    for table in tables:
        for row in table.rows if table.id in task.tables else ():
            figure = row.figure(task.accuracy)
            if row.case is not None and figure is not None and figure.value is not None:
                found.setdefault(row.case.source_name, figure.value)
    return found


def _specs(task: RankedTask, tables: Sequence[Table], published: Mapping[str, float]) -> dict[str, CaseSpec]:
    """A case for each model of the task: those with an accuracy first, then whatever else the catalog builds alike."""
    found: dict[str, CaseSpec] = {}
    for table in tables:
        for row in table.rows if table.document == "guide" else ():
            for case in row.cases:
                if case.task == task.name and case.num_classes is None and not case.technique and case.accumulate == 1:
                    found.setdefault(case.source_name, replace(case, mode="inference"))
    order = [name for name in published if name in found]
    return {name: found[name] for name in [*order, *(name for name in found if name not in published)]}


def _training_memory(training: Sequence[CaseSpec], archive: Archive) -> MeasuredColumn:
    """Peaks of a batch of `TRAINED_BATCH`, all in the one precision and of the one kind that most models have."""
    asked = [[replace(spec, precision=precision) for spec in training] for precision in ("amp", "fp32")]
    columns = [measured_column(specs, (STEP_MEMORY, PASS_MEMORY), archive.find) for specs in asked]
    return max(columns, key=lambda column: column.known)


def memory_lines(training: Sequence[CaseSpec], archive: Archive) -> tuple[dict[str, MemoryLine], MeasuredColumn | None]:
    """Memory by batch size for each model with peaks at several, and the peaks that the lines were laid through.

    All are of one kind, precision and image size: those that most models have, training steps before single passes.
    """
    groups: dict[tuple[Measure, str, tuple[int, int]], dict[str, dict[int, MeasuredFigure]]] = {}
    for measure in (STEP_MEMORY, PASS_MEMORY):
        for spec in training:
            for one in archive.find(subject_of(spec, measure.mode), measure.metrics[0]):
                if one.setting.image_size == spec.image_size:
                    group = groups.setdefault((measure, one.setting.precision, spec.image_size), {})
                    group.setdefault(spec.source_name, {}).setdefault(one.setting.batch_size, one)
    best: dict[str, MemoryLine] = {}
    peaks: MeasuredColumn | None = None
    for (measure, _, _), models in groups.items():
        lines = {
            name: line
            for name, found in models.items()
            if (line := fit({batch: one.value for batch, one in found.items()})) is not None
        }
        if len(lines) > len(best):
            best = lines
            cells = tuple(Cell((one,), ()) for name in lines for one in models[name].values())
            peaks = MeasuredColumn(measure, None, cells, ())
    return best, peaks


def _value(cell: Cell | None) -> float | None:
    return None if cell is None else cell.value
