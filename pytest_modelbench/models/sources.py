"""Where a model comes from: a timm name, a callable, or ``package.module:callable``."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import timm

from pytest_modelbench.core.errors import BuildError, UsageError, did_you_mean, hide_own_frames
from pytest_modelbench.models.hub import with_weights

__tracebackhide__ = hide_own_frames

#: What timm itself takes where a model says nothing (timm.data.config.resolve_data_config).
_DEFAULT_SIZE = (3, 224, 224)


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


def timm_source(
    name: str,
    image_size: tuple[int, int] | None,
    pretrained: bool,
    options: Mapping[str, Any],
) -> ModelSource:
    """Source for a timm name, with or without a tag."""
    _check_timm_name(name)
    config = timm.get_pretrained_cfg(name)
    default = tuple(config.input_size) if config is not None and config.input_size else _DEFAULT_SIZE
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


def builder_source(
    builder: Callable[..., object], name: str | None, image_size: tuple[int, int] | None, options: Mapping[str, Any]
) -> ModelSource:
    """Source for a callable that returns a module."""
    if name is None:
        inner = builder.func if isinstance(builder, functools.partial) else builder
        name = getattr(inner, "__name__", type(inner).__name__)
        if name == "<lambda>":
            raise UsageError("a lambda has no name to keep a baseline under; pass name='...' to build as well")
    make = functools.partial(builder, **options)
    return ModelSource(name, _DEFAULT_SIZE[0], image_size or (_DEFAULT_SIZE[1], _DEFAULT_SIZE[2]), make, make)


def import_builder(reference: str) -> Callable[..., object]:
    """The callable that ``package.module:callable`` names."""
    module_name, _, attribute = reference.partition(":")
    if not (attribute and all(part.isidentifier() for part in (*module_name.split("."), *attribute.split(".")))):
        raise UsageError(
            f"model {reference!r}: write a timm name, or package.module:callable; for a model on a hub or in a folder "
            f"pass a function that returns timm.create_model({reference!r})"
        )
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise BuildError(f"model {reference!r}: importing {module_name!r} fails: {error}") from error
        raise UsageError(
            f"model {reference!r}: there is no module {error.name!r}; install it, or put its folder on PYTHONPATH"
        ) from error
    except Exception as error:
        raise BuildError(
            f"model {reference!r}: importing {module_name!r} fails: {type(error).__name__}: {error}"
        ) from error
    try:
        builder: object = functools.reduce(getattr, attribute.split("."), module)
    except AttributeError:
        raise UsageError(
            f"model {reference!r}: {module_name} has no {attribute!r}.{did_you_mean(attribute, vars(module))}"
        ) from None
    if not callable(builder):
        raise UsageError(f"model {reference!r}: this is {type(builder).__name__}, not a callable that returns a module")
    return builder


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
