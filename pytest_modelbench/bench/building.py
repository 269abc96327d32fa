"""What ``build_model`` does beside `models.build`: it knows the sample models that come with the package."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from torch import nn

from pytest_modelbench.bench.process import Bench
from pytest_modelbench.core.errors import hide_own_frames
from pytest_modelbench.models.build import BuiltModel, build
from pytest_modelbench.models.options import CLASSIFICATION
from pytest_modelbench.models.weights import SAMPLES
from pytest_modelbench.samples import SCENES, sample_checkpoint

__tracebackhide__ = hide_own_frames


class BuildModel(Protocol):
    """What the fixture ``build_model`` is; keywords that are none of these go to the model's builder."""

    def __call__(
        self,
        model: str | Callable[..., nn.Module],
        *,
        batch_size: int = 1,
        image_size: int | tuple[int, int] | None = None,
        inputs: Any = None,
        precision: str = "fp32",
        channels_last: bool = False,
        compile: bool | Mapping[str, Any] = False,
        cuda_graph: bool = False,
        pretrained: bool = False,
        checkpoint: str | Path | None = None,
        seed: int = 0,
        name: str | None = None,
        task: str = CLASSIFICATION,
        technique: str | Sequence[str] = (),
        builder_args: Mapping[str, Any] | None = None,
        **builder_arguments: Any,
    ) -> BuiltModel: ...


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
