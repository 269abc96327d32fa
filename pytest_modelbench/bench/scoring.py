"""What all accuracies share: how they are called, what is recorded with them, and classes that fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from pytest_modelbench.bench.process import Bench
from pytest_modelbench.bench.recorder import Record
from pytest_modelbench.core.errors import DataUnavailableError, UsageError, hide_own_frames
from pytest_modelbench.core.measurement import Comparability, Figure, Measurement
from pytest_modelbench.core.observations import Observations
from pytest_modelbench.core.sample_names import SampleNames
from pytest_modelbench.data.datasets import ClassData, MapData, ObjectData
from pytest_modelbench.data.photos import LabelledImages
from pytest_modelbench.models.built import BuiltModel
from pytest_modelbench.models.labels import stated_classes

__tracebackhide__ = hide_own_frames

SCENES, DIGITS, PHOTOS = "scenes", "digits", "photos"
_Data = TypeVar("_Data")


def located(bench: Bench, data: _Data) -> _Data | Path:
    """``data``; a path of such as git does not know, where the user has them, if not in the tree of older code."""
    if bench.home is None or not isinstance(data, (str, Path)) or data in ("", SCENES, DIGITS, PHOTOS):
        return data
    return bench.home.found(data)


@dataclass(frozen=True, slots=True)
class Naming:
    """What the measurements of one call are called, ``<name>_<metric>`` or as the metric is, and their band."""

    name: str = ""
    band: str | None = None


@dataclass(frozen=True, slots=True)
class Scored:
    """A model on data: what each of its figures is recorded with; ``recipe``: how its images were prepared."""

    model: BuiltModel
    data: LabelledImages | ClassData | ObjectData | MapData
    hand_on: Record
    naming: Naming
    recipe: str = ""
    figures: Mapping[str, Figure] = field(default_factory=dict)

    def record(
        self, metric: str, value: float, observations: Observations | None = None, names: SampleNames | None = None
    ) -> None:
        """Record one figure, under its own name or the one that was asked for; ``names``: of ``observations``."""
        data, name = self.data, self.naming.name
        measurement = Measurement.of(
            metric, value, replace(self.model.case, data=data.name), name and f"{name}_{metric}",
            comparability=Comparability(data=f"{data.name} {data.fingerprint}", recipe=self.recipe),
            figures=self.figures, observations=observations, sample_names=names if observations else None,
        )  # fmt: skip
        self.hand_on(measurement, self.naming.band)


def check_classes(model: BuiltModel, count: int, data: str, tells: int | None = None) -> None:
    """Raise UsageError unless ``model`` takes images and tells as many classes apart as the data have.

    ``tells``: how many it does where that is known by its output; else as it says itself, if it does.
    """
    _ = model.image_size
    tells = stated_classes(model.module) if tells is None else tells
    if tells not in (None, count):
        raise UsageError(
            f"{model.case.id} tells {tells} classes apart, and {data} has {count}; build it with "
            f"num_classes={count}, or pass other data"
        )


def unfit(data: str | Path, given: str, lacks: str) -> UsageError | DataUnavailableError:
    """What a path that holds other data means: a mistake where the test names it, and no more than that where the
    session does, whose one path cannot suit every task."""
    path = Path(data or given)
    if not path.exists():
        return UsageError(f"there is no {path}: correct the path of the data")
    if data:
        return UsageError(f"{path} holds {lacks}; pass the folder that does")
    return DataUnavailableError(f"--modelbench-data={path} holds {lacks}; give one that does")
