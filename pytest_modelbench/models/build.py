"""From a name or a callable to a model that can be run: seeded, placed, in the precision asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from pytest_modelbench.core.case import Case
from pytest_modelbench.core.errors import UsageError, hide_own_frames
from pytest_modelbench.models.builders import Builder
from pytest_modelbench.models.built import BuiltModel
from pytest_modelbench.models.inputs import Placement
from pytest_modelbench.models.making import Recipe
from pytest_modelbench.models.options import CLASSIFICATION, KEYWORDS, BuildOptions
from pytest_modelbench.models.precision import resolve_precision
from pytest_modelbench.models.sources import ModelSource
from pytest_modelbench.models.tasks.registry import task_source
from pytest_modelbench.models.techniques.registry import checked_techniques, with_techniques

__tracebackhide__ = hide_own_frames

__all__ = ["BuiltModel", "build"]


def build(
    model: str | Callable[..., nn.Module], *, device: torch.device, test_module: str = "", **given: Any
) -> BuiltModel:
    """A model ready to be measured; its module is made on first use.

    ``model`` is a timm name (``resnet50``, ``resnet50.a1_in1k``), a callable that returns a module, or
    ``package.module:callable``. ``given`` are the keywords of `models.options.BuildOptions`; all others go to
    `timm.create_model` or to the callable. Callables of ``test_module`` are named without it. Raises UsageError at once
    for what can be told without building.
    """
    options = BuildOptions(**{key: value for key, value in given.items() if key in KEYWORDS})
    device = torch.device(device)
    precision = resolve_precision(options.precision, device)
    source = _source(model, options, given, test_module)
    options.check_checkpoint(source.name)
    options.check_device(source.name, device)
    techniques = checked_techniques(options.technique)
    case = Case(
        options.name or source.name,
        options.batch_size,
        source.image_size,
        precision,
        options.task,
        technique="+".join([*techniques, *options.placements()]),
    )
    if (make := options.input_maker) is not None:
        source = replace(source, inputs=make)
        sample = source.arguments(options.batch_size, options.seed, Placement(torch.device("cpu")))
        case = replace(case, image_size=None, inputs=sample.shape(options.batch_size))
    source = with_techniques(source, techniques)
    return BuiltModel(
        Recipe(
            case, device, source, options.channels_last, options.compile_options, options.cuda_graph,
            options.checkpoint, options.seed,
        )
    )  # fmt: skip


def _source(
    model: str | Callable[..., nn.Module], options: BuildOptions, given: Mapping[str, Any], test_module: str
) -> ModelSource:
    """Where the module comes from."""
    create_kwargs = {key: value for key, value in given.items() if key not in KEYWORDS}
    for key, value in (options.builder_args or {}).items():
        if key in create_kwargs:
            raise UsageError(f"{key}= is given twice, by itself and in builder_args; keep one")
        create_kwargs[key] = value
    if isinstance(model, str) and ":" not in model:
        if options.task == CLASSIFICATION:
            from pytest_modelbench.models.timm_models import timm_source  # brings timm, which a callable does without

            return timm_source(model, options.size, options.pretrained, create_kwargs)
        return task_source(options.task, model, options.size, options.pretrained, create_kwargs)
    if isinstance(model, nn.Module):
        name = type(model).__name__
        raise UsageError(
            f"model={name}(...): this is a module, and build_model makes its own, in each process and for each measure "
            f"afresh: pass the class and its arguments, build_model({name}, ...), or a function that makes the module "
            "or loads it, and returns it"
        )
    if not (isinstance(model, str) or callable(model)):
        raise UsageError(
            f"model={model!r}: pass a timm name, a callable that returns a module, or 'package.module:callable'"
        )
    builder = Builder.of(model, test_module)
    if options.builder_args is None:
        builder.check_meanings(given)
    if options.pretrained:
        raise UsageError("pretrained=True is for timm names; load the weights in your builder, or pass checkpoint=PATH")
    return builder.source(options.name, options.size, create_kwargs)
