"""How many kernels a forward pass launches on a CUDA device, where that can be known exactly."""

from __future__ import annotations

import warnings
from functools import partial

import torch

from pytest_modelbench.core.breakdown import Breakdown
from pytest_modelbench.core.errors import BuildError, MeasureError, hide_own_frames, level_of_test
from pytest_modelbench.measure.launches import Launches
from pytest_modelbench.measure.workload import waits_by_itself
from pytest_modelbench.models.built import BuiltModel
from pytest_modelbench.models.graphs import graphed
from pytest_modelbench.models.modes import is_compiled

__tracebackhide__ = hide_own_frames


def launches_of(model: BuiltModel) -> Breakdown | None:
    """What a forward pass of ``model`` launches, by part.

    None on other devices; of what waits for the device, or cannot be recorded for another reason, of which a warning
    tells; and of what is compiled, which hooks would have compiled anew.
    """
    if model.device.type != "cuda" or torch.version.hip or is_compiled(model.module):
        return None
    launches = Launches(model.module)
    with model.as_found(), model.passes() as run:
        run()  # in the first, libraries choose and load what they need, and wait for that
        if waits_by_itself(run, model.device):
            return None
        try:
            with graphed(partial(launches.call, run), model.case.id, model.device, "its launches are not counted"):
                return launches.breakdown()
        except (BuildError, MeasureError, OSError, torch.OutOfMemoryError) as error:
            warnings.warn(f"{model.case.id} has no launches: {error}", stacklevel=level_of_test())
            return None
