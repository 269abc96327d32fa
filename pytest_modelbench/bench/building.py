"""What ``build_model`` does beside `models.build`: it knows the sample models that come with the package."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from pytest_modelbench.bench.process import Bench
from pytest_modelbench.core.errors import hide_own_frames
from pytest_modelbench.models.build import BuiltModel, build
from pytest_modelbench.models.options import CLASSIFICATION
from pytest_modelbench.models.weights import SAMPLES
from pytest_modelbench.samples import SCENES, sample_checkpoint

__tracebackhide__ = hide_own_frames


def build_on(bench: Bench, test_module: str, model: str | Callable[..., nn.Module], **arguments: Any) -> BuiltModel:
    """`models.build.build` on the device of ``bench``; ``checkpoint="scenes"`` is the sample weights for the task."""
    checkpoint = arguments.get("checkpoint")
    if checkpoint == SCENES:
        arguments["checkpoint"] = sample_checkpoint(arguments.get("task", CLASSIFICATION))
    elif checkpoint is not None and checkpoint != SAMPLES and bench.home:
        # Weights that git does not know are not in the tree of older code, but where the user has them.
        arguments["checkpoint"] = bench.home.found(checkpoint)
    built = build(model, device=bench.device, test_module=test_module, **arguments)
    bench.written.append(built.files)
    return built
