"""What tests hand over, looked at before anything is done with it: a mistake is told in one line, where it was made.

It imports torch no earlier than something of a model is asked for.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, Protocol, TypeVar, cast

from pytest_modelbench.core.errors import UsageError, hide_own_frames

__tracebackhide__ = hide_own_frames


class _OfTest(Protocol):
    test: str


Method = TypeVar("Method", bound=Callable[..., Any])


def of_built_model(measure: Method) -> Method:
    """The method ``measure``, which takes what build_model returns: UsageError for anything else."""

    @functools.wraps(measure)
    def checked(self: _OfTest, model: object, *args: Any, **kwargs: Any) -> Any:
        from pytest_modelbench.models.built import BuiltModel

        if not isinstance(model, BuiltModel):
            raise UsageError(not_built(model, f"{self.test}: modelbench.{measure.__name__}"))
        return measure(self, model, *args, **kwargs)

    return cast(Method, checked)


def not_built(given: object, where: str, *, or_callable: bool = False) -> str:
    """What is wrong with ``given`` in the place of a built model, and what to write; ``where`` is the measure."""
    from torch import nn

    takes = f"{where} takes what build_model returns"
    if isinstance(given, nn.Module):
        name = type(given).__name__
        other = ", or a callable that needs no arguments, with case=" if or_callable else ""
        return (
            f"{takes}{other}, not a torch.nn.Module: write build_model({name}, ...) with the class and its arguments, "
            f"or build_model with a function that makes the {name}"
        )
    if isinstance(given, str):
        return f"{takes}, not a name: write build_model({given!r})"
    return f"{takes}{', or a callable' if or_callable else ''}, not {type(given).__name__}"


def check_function(given: Any, fixture: str) -> None:
    """Raise UsageError for what ``fixture`` cannot call without arguments, as far as that can be told."""
    from torch import nn

    from pytest_modelbench.models.built import BuiltModel

    takes = f"{fixture} takes a function, which it calls without arguments"
    if isinstance(given, BuiltModel):
        raise UsageError(f"{takes}, and {given!r} is a model: write {fixture}(model.forward)")
    if not callable(given):
        raise UsageError(f"{takes}, not {type(given).__name__}")
    if isinstance(given, nn.Module):
        try:
            inspect.signature(given.forward).bind()
        except TypeError:
            raise UsageError(
                f"{takes}, and the {type(given).__name__} takes inputs: write {fixture}(lambda: module(images))"
            ) from None
