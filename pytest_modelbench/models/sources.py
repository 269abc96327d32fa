"""Where a model comes from, and what it takes; and timm's models."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import timm

from pytest_modelbench.core.errors import UsageError, did_you_mean, hide_own_frames
from pytest_modelbench.models.hub import with_weights
from pytest_modelbench.models.inputs import Arguments, InputMaker, Noise, Placement, made_arguments

__tracebackhide__ = hide_own_frames

#: What timm itself takes where a model says nothing (timm.data.config.resolve_data_config).
DEFAULT_SIZE = (3, 224, 224)


@dataclass(frozen=True, slots=True)
class ModelSource:
    """How a module is made, on whatever device is current, without moving it anywhere.

    ``targets(batch_size, image_size, seed)`` makes what the module is trained on besides images, on the CPU: then
    ``module(images, targets)`` returns a mapping of losses in train mode. Without, it takes images alone.
    """

    name: str
    channels: int
    image_size: tuple[int, int]
    make: Callable[[], object]
    make_bare: Callable[[], object]  #: the same architecture, without fetching weights
    targets: Callable[[int, tuple[int, int], int], Any] | None = None
    inputs: InputMaker | None = None  #: None: images of ``channels`` and ``image_size``

    def arguments(self, batch_size: int, seed: int, placement: Placement) -> Arguments:
        """What its modules are called with: the same numbers on every device, on meta none."""
        make = self.inputs or Noise(((self.channels, *self.image_size),))
        return made_arguments(make, batch_size, seed, placement)


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
