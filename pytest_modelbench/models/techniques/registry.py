"""Which techniques there are, and how they are put on a model. What each needs is imported when it is used."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from torch import nn

from pytest_modelbench.core.errors import UsageError, did_you_mean, hide_own_frames
from pytest_modelbench.models.sources import ModelSource

__tracebackhide__ = hide_own_frames

#: ``(module, source)`` to the module with the technique, on the device of the module; BuildError where it changes
#: nothing. ``source`` says what images the module takes.
Apply = Callable[[nn.Module, ModelSource], nn.Module]


@dataclass(frozen=True, slots=True)
class Technique:
    """Something done to a model after it is made, before weights are loaded and it is placed.

    Of the techniques with one ``subject`` a model has one at most.
    """

    name: str
    description: str
    subject: str
    load: Callable[[], Apply]
    extra: str | None = None  #: the optional dependency that it comes with


def checked_techniques(technique: str | Sequence[str]) -> list[str]:
    """The names in ``technique``, one, several or joined by ``+``, in the order in which they are applied.

    Raises UsageError for one that is not known, and for two of which only one can be.
    """
    names = technique.split("+") if isinstance(technique, str) and technique else technique
    if not isinstance(names, Iterable):
        raise UsageError(f"technique={technique!r}: write a name, or several as a list")
    taken: dict[str, str] = {}
    for name in names:
        found = TECHNIQUES.get(name) if isinstance(name, str) else None
        if found is None:
            near = did_you_mean(name, TECHNIQUES) if isinstance(name, str) else ""
            raise UsageError(f"technique={name!r}: there are {', '.join(TECHNIQUES)}.{near}")
        if found.subject in taken:
            raise UsageError(f"technique: {taken[found.subject]!r} and {name!r} both set the {found.subject}; keep one")
        taken[found.subject] = name
    # One order for all: what is measured, and the case's name, do not depend on how it was written.
    return [name for name in TECHNIQUES if name in taken.values()]


def with_techniques(source: ModelSource, names: Sequence[str]) -> ModelSource:
    """``source`` with the techniques ``names``, as `checked_techniques` returns them, put on what it makes."""
    if not names:
        return source
    return replace(
        source,
        make=functools.partial(_made_with, source.make, source, tuple(names)),
        make_bare=functools.partial(_made_with, source.make_bare, source, tuple(names)),
    )


def _made_with(make: Callable[[], object], source: ModelSource, names: tuple[str, ...]) -> object:
    module = make()
    if not isinstance(module, nn.Module):
        return module  # whoever builds refuses it
    for name in names:
        module = TECHNIQUES[name].load()(module, source)
    return module


def _pre_activation() -> Apply:
    from pytest_modelbench.models.techniques.vgg import with_pre_activation

    return with_pre_activation


def _activation(name: str) -> Apply:
    from pytest_modelbench.models.techniques.activations import with_activation

    return functools.partial(with_activation, name)


def _abn(kind: str) -> Apply:
    from pytest_modelbench.models.techniques import abn

    return {"abn": abn.with_abn, "inplace_abn": abn.with_inplace_abn, "inplace_abn_ext": abn.with_extension}[kind]


def _checkpoint(reentrant: bool) -> Apply:
    from pytest_modelbench.models.techniques import checkpointing

    return checkpointing.with_reentrant_checkpointing if reentrant else checkpointing.with_checkpointing


def _activation_technique(name: str, description: str) -> Technique:
    return Technique(f"act={name}", description, "activations", functools.partial(_activation, name))


#: By name, in the order in which several are applied: checkpointing last, for it wraps what the others change.
TECHNIQUES = {
    technique.name: technique
    for technique in (
        Technique(
            "pre_activation",
            "activation before its batch normalization instead of after it, in sequential models such as VGG",
            "order of layers",
            _pre_activation,
        ),
        _activation_technique("relu", "every activation a ReLU"),
        _activation_technique("leaky_relu", "every activation a leaky ReLU (0.01)"),
        _activation_technique("silu", "every activation PyTorch's SiLU (swish)"),
        _activation_technique("swish_naive", "every activation x * sigmoid(x), operator by operator"),
        _activation_technique("mish", "every activation PyTorch's Mish"),
        _activation_technique("mish_naive", "every activation x * tanh(softplus(x)), operator by operator"),
        _activation_technique("mish_me", "every activation a Mish that keeps its input only"),
        Technique(
            "abn",
            "leaky ReLU (0.01) after every batch normalization that has an activation: what inplace_abn compares with",
            "normalization",
            functools.partial(_abn, "abn"),
        ),
        Technique(
            "inplace_abn",
            "batch normalization and leaky ReLU (0.01) in one, keeping the output only; plain PyTorch, on any device",
            "normalization",
            functools.partial(_abn, "inplace_abn"),
        ),
        Technique(
            "inplace_abn_ext",
            "the same by the package inplace-abn: CPU and CUDA, not in bf16; abs(weight) + eps instead of weight",
            "normalization",
            functools.partial(_abn, "inplace_abn_ext"),
            extra="inplace-abn",
        ),
        Technique(
            "checkpoint",
            "activations computed again in the backward pass instead of kept: set_grad_checkpointing of timm's models, "
            "the first three of four segments of sequential models such as VGG",
            "checkpointing",
            functools.partial(_checkpoint, False),
        ),
        Technique(
            "checkpoint_reentrant",
            "the same for sequential models by PyTorch's older implementation, as the comparison has it: needs more",
            "checkpointing",
            functools.partial(_checkpoint, True),
        ),
    )
}
