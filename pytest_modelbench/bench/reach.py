"""How much of a model a measure reaches: kept with its figures, and told where parts of the model never ran."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TypeVar

from pytest_modelbench.bench.recorder import Record
from pytest_modelbench.core.errors import UnreachedWarning, level_of_test
from pytest_modelbench.core.measurement import Figure, Measurement
from pytest_modelbench.measure.reach import Reach, Watch
from pytest_modelbench.models.built import BuiltModel
from pytest_modelbench.models.modes import is_compiled

Found = TypeVar("Found")

#: What may stay idle without a word: tokens of masks, biases that are switched off. A part that is missed is more.
_UNSAID = 0.01
#: Parts named in a warning.
_NAMED = 3


def watched(
    model: BuiltModel, run: Callable[[Watch | None], Found], on_meta: Callable[[BuiltModel], object]
) -> tuple[Found, Reach | None]:
    """What ``run`` returns, which runs the module of ``model``, and what that reaches; None where it cannot be seen.

    ``run`` is given what watches it, if anything does: compiled code is not seen through, so that what it reaches is
    what ``on_meta`` reaches of the model on the meta device.
    """
    if is_compiled(model.module):
        return run(None), reach_on_meta(model, on_meta)
    watch = Watch(model.module)
    with suppress(Exception), watch:
        return run(watch), watch.reach()
    # What is wrong is told by a run that nobody watches, if it is not the watching.
    return run(None), None


def reach_on_meta(model: BuiltModel, run: Callable[[BuiltModel], object]) -> Reach | None:
    """What ``run`` reaches of ``model`` on the meta device; None if that cannot be run there."""
    try:
        bare = model.on_meta()
        watch = Watch(bare.module)
        with watch:
            run(bare)
    except Exception:  # a model that needs values; what it reaches is a detail, and never a failure
        return None
    return watch.reach()


def with_figures(record: Record, figures: Mapping[str, Figure]) -> Record:
    """``record``, which adds ``figures`` to what goes along with a measurement."""

    def recorded(measurement: Measurement, band: str | None = None, *, default: str = "") -> None:
        record(replace(measurement, figures={**measurement.figures, **figures}), band, default=default)

    return recorded


class Reached:
    """What the measures of one test reach of its models; each model is told of once."""

    def __init__(self, test: str) -> None:
        self.test = test
        self._told: dict[int, BuiltModel] = {}  # by id, and kept alive, so that its id stays its own

    def figures(self, model: BuiltModel, reach: Reach | None, *, training: bool = False) -> Mapping[str, Figure]:
        """Details of a measurement; warns if a part of ``model`` was not reached, nor would be in training."""
        if reach is None:
            return {}
        if id(model) not in self._told and 1 - reach.share > _UNSAID:
            self._told[id(model)] = model
            # Heads that help to train are not used in evaluation, as they should be.
            trained = None if training else reach_on_meta(model, BuiltModel.forward_backward)
            self._tell(model, reach if trained is None else reach.beside(trained))
        return {"parameter_share": round(reach.share, 6)}

    def _tell(self, model: BuiltModel, reach: Reach) -> None:
        if 1 - reach.share <= _UNSAID:
            return
        parts = [f"{name} ({size:,})" for name, size in reach.idle_parts().items()]
        named = ", ".join(parts[:_NAMED]) + (f" and {len(parts) - _NAMED} more" if len(parts) > _NAMED else "")
        said = (
            f"{self.test}: {reach.idle_parameters:,} of the {reach.parameters:,} parameters of {model.case.id} "
            f"({1 - reach.share:.0%}) take no part in its forward pass: {named}. What is measured is the rest; pass "
            "inputs= that reach them, or build the part that is meant by itself"
        )
        warnings.warn(UnreachedWarning(said), stacklevel=level_of_test())
