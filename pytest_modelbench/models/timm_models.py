"""timm's models, by their names. Importing timm brings torchvision, and takes longer than torch itself."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import timm

from pytest_modelbench.core.errors import UsageError, did_you_mean, hide_own_frames
from pytest_modelbench.models.hub import with_weights
from pytest_modelbench.models.sources import DEFAULT_SIZE, ModelSource

__tracebackhide__ = hide_own_frames


def timm_source(
    name: str,
    image_size: tuple[int, int] | None,
    pretrained: bool,
    options: Mapping[str, Any],
) -> ModelSource:
    """Source for a timm name, with or without a tag."""
    _check_timm_name(name)
    config = timm.get_pretrained_cfg(name)
    default = tuple(config.input_size) if config is not None and config.input_size else DEFAULT_SIZE
    options = dict(options)
    if image_size is None:
        size = options.get("img_size", default[1:])
        image_size = (size, size) if isinstance(size, int) else (size[0], size[1])
    elif image_size != default[1:] and config is not None and config.fixed_input_size:
        # Position embeddings and windows are laid out when such a model is built.
        options.setdefault("img_size", image_size)
    make_bare = functools.partial(timm.create_model, name, pretrained=False, **options)
    make_pretrained = functools.partial(timm.create_model, name, pretrained=True, **options)
    return ModelSource(
        name,
        options.get("in_chans", default[0]),
        image_size,
        functools.partial(with_weights, name, make_pretrained) if pretrained else make_bare,
        make_bare,
    )


def _check_timm_name(name: str) -> None:
    architecture, _, tag = name.partition(".")
    if not timm.is_model(architecture):
        raise UsageError(
            f"timm {timm.__version__} has no model {name!r}.{did_you_mean(architecture, timm.list_models())} "
            "List them with: python -c 'import timm; print(timm.list_models())'"
        )
    tagged = timm.list_models(architecture, include_tags=True)
    if tag and name not in tagged:
        near = did_you_mean(name, tagged) or f" There are {', '.join(tagged)}."
        raise UsageError(f"timm {timm.__version__} has {architecture!r}, but not with tag {tag!r}.{near}")
