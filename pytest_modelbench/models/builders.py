"""Callables that return a module: found by name, named in results, given their arguments."""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pytest_modelbench.core.errors import BuildError, UsageError, did_you_mean, hide_own_frames
from pytest_modelbench.models.sources import DEFAULT_SIZE, ModelSource

__tracebackhide__ = hide_own_frames

#: What our keywords mean, in a message about a builder that has an argument of the same name.
_MEANINGS = {
    "batch_size": "how many samples go in",
    "image_size": "the size of the images that go in",
    "inputs": "what goes in",
    "precision": "the type that is computed in",
    "channels_last": "how images and weights are laid out",
    "compile": "whether the module is compiled",
    "cuda_graph": "whether it is timed as a CUDA graph",
    "pretrained": "whether a timm model's weights are fetched",
    "checkpoint": "a file of weights to load",
    "seed": "the seed of weights and inputs",
    "name": "the name in results",
    "task": "what a timm backbone is used for",
    "technique": "what is changed in the model",
}


@dataclass(frozen=True, slots=True)
class Builder:
    """A callable that returns a module, and the name that results list it under; None: it has none."""

    call: Callable[..., object]
    name: str | None

    @classmethod
    def of(cls, given: str | Callable[..., object], test_module: str = "") -> Builder:
        """For a callable or ``package.module:callable``: named by module and callable, and so unlike others.

        What the test's own module holds goes by its name alone.
        """
        if isinstance(given, str):
            return cls(import_builder(given), given.replace(":", "."))
        inner = given.func if isinstance(given, functools.partial) else given
        if not hasattr(inner, "__qualname__"):
            inner = type(inner)
        # A function within another one is told apart by the test that it stands in.
        name = inner.__qualname__.rpartition("<locals>.")[2]
        if name == "<lambda>":
            return cls(given, None)
        return cls(given, name if inner.__module__ in ("__main__", test_module) else f"{inner.__module__}.{name}")

    @property
    def label(self) -> str:
        """What messages call it."""
        return f"{self.name or 'the lambda'}()"

    def arguments(self) -> frozenset[str]:
        """Names of its own arguments that are open still."""
        try:
            parameters = inspect.signature(self.call).parameters
        except (TypeError, ValueError):  # written in C, and without a signature
            return frozenset()
        bound = self.call.keywords if isinstance(self.call, functools.partial) else {}
        kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        return frozenset(one.name for one in parameters.values() if one.kind in kinds and one.name not in bound)

    def check_meanings(self, given: Iterable[str]) -> None:
        """Raise UsageError if one of the keywords ``given`` to build_model may as well be meant for the builder."""
        for key in sorted(self.arguments().intersection(given, _MEANINGS)):
            raise UsageError(
                f"{key}= has two meanings here: build_model's ({_MEANINGS[key]}), and {self.label} has an argument of "
                f"that name; pass the builder's as builder_args={{{key!r}: ...}}, or builder_args={{}} to say that "
                "build_model's alone is meant"
            )

    def source(self, name: str | None, size: tuple[int, int] | None, options: Mapping[str, Any]) -> ModelSource:
        """Where its modules come from, with ``options`` as its arguments."""
        name = name or self.name
        if name is None:
            raise UsageError("a lambda has no name to keep a baseline under; pass name='...' to build as well")
        make = functools.partial(self.call, **options)
        # As timm's models have it, so that a builder in its manner needs no inputs=.
        channels = options.get("in_chans", DEFAULT_SIZE[0])
        return ModelSource(name, channels, size or (DEFAULT_SIZE[1], DEFAULT_SIZE[2]), make, make)


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
