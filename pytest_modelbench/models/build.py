"""From a name or a callable to a model that can be run: seeded, placed, in the precision asked for."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from pytest_modelbench.core.case import Case
from pytest_modelbench.core.errors import UsageError, hide_own_frames
from pytest_modelbench.models.built import BuiltModel, Recipe
from pytest_modelbench.models.precision import resolve_precision
from pytest_modelbench.models.sources import builder_source, import_builder, timm_source
from pytest_modelbench.models.tasks.registry import CLASSIFICATION, task_source
from pytest_modelbench.models.techniques.registry import checked_techniques, with_techniques
from pytest_modelbench.models.weights import SAMPLES, SAMPLES_MODEL

__tracebackhide__ = hide_own_frames

__all__ = ["BuiltModel", "build"]


def build(
    model: str | Callable[..., nn.Module],
    *,
    device: torch.device,
    batch_size: int = 1,
    image_size: int | tuple[int, int] | None = None,
    precision: str = "fp32",
    channels_last: bool = False,
    compile: bool | Mapping[str, Any] = False,
    pretrained: bool = False,
    checkpoint: str | Path | None = None,
    seed: int = 0,
    name: str | None = None,
    task: str = "classification",
    technique: str | Sequence[str] = (),
    **create_kwargs: Any,
) -> BuiltModel:
    """A model ready to be measured; its module is made on first use.

    ``model`` is a timm name (``resnet50``, ``resnet50.a1_in1k``), a callable that returns a module, or
    ``package.module:callable``; ``create_kwargs`` go to `timm.create_model` or to the callable. ``image_size`` defaults
    to what the timm model was made for, 224 otherwise. ``precision``: fp32, bf16, fp16 (weights and inputs),
    amp-bf16, amp-fp16 (autocast), amp. ``compile`` takes the arguments of torch.compile. ``checkpoint`` is a file, or
    ``"samples"``: ImageNet weights for tf_efficientnet_lite0 that come with the extra of that name. ``name`` replaces
    the model's name in results. ``task`` puts a timm name to use as a backbone: see `models.tasks.registry`;
    ``technique`` names changes that keep what is computed, or swap activations: see `models.techniques.registry`.
    Raises UsageError at once for what can be told without building.
    """
    size = _checked_size(image_size)
    for what, number, least in (("batch_size", batch_size, 1), ("seed", seed, 0)):
        if not _is_int(number) or number < least:
            raise UsageError(f"{what}={number!r}: write a whole number, {least} or more")
    if name is not None and not (isinstance(name, str) and name.strip()):
        raise UsageError(f"name={name!r}: write the text that results are to be listed under, or leave it out")
    device = torch.device(device)
    precision = resolve_precision(precision, device)
    options = _compile_options(compile)
    if isinstance(model, str) and ":" not in model:
        if task == CLASSIFICATION:
            source = timm_source(model, size, pretrained, create_kwargs)
        else:
            source = task_source(task, model, size, pretrained, create_kwargs)
    elif isinstance(model, str) or callable(model):
        if pretrained:
            raise UsageError(
                "pretrained=True is for timm names; load the weights in your builder, or pass checkpoint=PATH"
            )
        builder = import_builder(model) if isinstance(model, str) else model
        source = builder_source(builder, name, size, create_kwargs)
    else:
        raise UsageError(
            f"model={model!r}: pass a timm name, a callable that returns a module, or 'package.module:callable'"
        )
    _check_checkpoint(checkpoint, source.name, pretrained)
    techniques = checked_techniques(technique)
    case = Case(
        name or source.name,
        batch_size,
        source.image_size,
        precision,
        task,
        technique="+".join([*techniques, *_placements(channels_last, options)]),
    )
    source = with_techniques(source, techniques)
    return BuiltModel(Recipe(case, device, source, channels_last, options, checkpoint, seed))


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _checked_size(image_size: object) -> tuple[int, int] | None:
    if image_size is None:
        return None
    sides = (image_size, image_size) if _is_int(image_size) else image_size
    if not isinstance(sides, (tuple, list)) or len(sides) != 2 or not all(_is_int(n) and n > 0 for n in sides):
        raise UsageError(f"image_size={image_size!r}: write one positive whole number, or a pair (height, width)")
    return sides[0], sides[1]


def _compile_options(compile: object) -> dict[str, Any] | None:
    """Arguments for torch.compile, None for not compiling."""
    if isinstance(compile, bool):
        return {} if compile else None
    known = [name for name in inspect.signature(torch.compile).parameters if name != "model"]
    if not isinstance(compile, Mapping):
        raise UsageError(f"compile={compile!r}: write True, False, or torch.compile's arguments as a dict")
    for key in compile:
        if key not in known:
            raise UsageError(f"compile: torch.compile has no argument {key!r}; it has {', '.join(known)}")
    return dict(compile)


def _placements(channels_last: bool, options: Mapping[str, Any] | None) -> list[str]:
    names = ["channels_last"] if channels_last else []
    if options is not None:
        # Another way of compiling is another thing measured, so it must show in the case.
        shown = ",".join(f"{key}={_plain(value)}" for key, value in sorted(options.items()))
        names.append(f"compile({shown})" if shown else "compile")
    return names


def _plain(value: object) -> str:
    """Text without an address in it, which would differ from run to run."""
    return str(getattr(value, "__qualname__", None) or value)


def _check_checkpoint(checkpoint: str | Path | None, model: str, pretrained: bool) -> None:
    if checkpoint is None:
        return
    if pretrained:
        raise UsageError(f"{model}: pretrained=True and checkpoint={str(checkpoint)!r} exclude each other; keep one")
    if checkpoint == SAMPLES:
        if model.partition(".")[0] != SAMPLES_MODEL:
            raise UsageError(f"checkpoint={SAMPLES!r} holds weights for {SAMPLES_MODEL}, not for {model}")
    elif not Path(checkpoint).is_file():
        raise UsageError(f"{model}: there is no checkpoint file {str(checkpoint)!r}")
