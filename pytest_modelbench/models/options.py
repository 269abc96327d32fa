"""What ``build_model`` takes besides the model, checked: the rest is the builder's."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch

from pytest_modelbench.core.errors import UnavailableError, UsageError, hide_own_frames
from pytest_modelbench.models.inputs import InputMaker, input_maker
from pytest_modelbench.models.weights import SAMPLES, SAMPLES_MODEL

__tracebackhide__ = hide_own_frames

CLASSIFICATION = "classification"


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """Keywords of ``build_model``. Raises UsageError for values that none of them can have."""

    batch_size: int = 1
    image_size: int | tuple[int, int] | None = None  #: by default what a timm model was made for, 224 otherwise
    inputs: Any = None  #: what goes in where that is not images: see `models.inputs.input_maker`
    precision: str = "fp32"  #: fp32, bf16, fp16 (weights and inputs), amp-bf16, amp-fp16 (autocast), amp
    channels_last: bool = False
    compile: bool | Mapping[str, Any] = False  #: or the arguments of torch.compile
    cuda_graph: bool = False  #: timed as a replayed graph: what the GPU itself takes
    pretrained: bool = False
    checkpoint: str | Path | None = None  #: a file; ``"samples"``: weights for tf_efficientnet_lite0 of that extra
    seed: int = 0
    name: str | None = None  #: in place of the model's name in results
    task: str = CLASSIFICATION  #: what a timm name is a backbone for: see `models.tasks.registry`
    technique: str | Sequence[str] = ()  #: what keeps what is computed: see `models.techniques.registry`
    builder_args: Mapping[str, Any] | None = None  #: for the builder, whatever they are called

    def __post_init__(self) -> None:
        for what, number, least in (("batch_size", self.batch_size, 1), ("seed", self.seed, 0)):
            if not _is_int(number) or number < least:
                raise UsageError(f"{what}={number!r}: write a whole number, {least} or more")
        if self.name is not None and not (isinstance(self.name, str) and self.name.strip()):
            raise UsageError(f"name={self.name!r}: write the text that results are to be listed under, or leave it out")
        given = self.builder_args
        if given is not None and not (isinstance(given, Mapping) and all(isinstance(key, str) for key in given)):
            raise UsageError(f"builder_args={given!r}: write a dict of the builder's keyword arguments")
        if self.inputs is not None and self.image_size is not None:
            raise UsageError(
                "inputs= and image_size= both say what goes in; keep one (a size that the builder is to know goes into "
                "builder_args)"
            )
        if self.inputs is not None and self.task != CLASSIFICATION:
            raise UsageError(f"inputs= cannot be with task={self.task!r}, whose models take images; leave one out")

    @property
    def size(self) -> tuple[int, int] | None:
        """Height and width that were asked for."""
        given = self.image_size
        if given is None:
            return None
        sides = (given, given) if isinstance(given, int) and not isinstance(given, bool) else given
        if not isinstance(sides, (tuple, list)) or len(sides) != 2 or not all(_is_int(n) and n > 0 for n in sides):
            raise UsageError(f"image_size={given!r}: write one positive whole number, or a pair (height, width)")
        return sides[0], sides[1]

    @property
    def input_maker(self) -> InputMaker | None:
        """What makes the inputs, where they are not images."""
        return None if self.inputs is None else input_maker(self.inputs)

    @property
    def compile_options(self) -> dict[str, Any] | None:
        """Arguments for torch.compile, None for not compiling."""
        if isinstance(self.compile, bool):
            return {} if self.compile else None
        known = [name for name in inspect.signature(torch.compile).parameters if name != "model"]
        if not isinstance(self.compile, Mapping):
            raise UsageError(f"compile={self.compile!r}: write True, False, or torch.compile's arguments as a dict")
        for key in self.compile:
            if key not in known:
                raise UsageError(f"compile: torch.compile has no argument {key!r}; it has {', '.join(known)}")
        return dict(self.compile)

    def placements(self) -> list[str]:
        """How the model is laid out and compiled, for the name of the case."""
        names = ["channels_last"] if self.channels_last else []
        if (options := self.compile_options) is not None:
            # Another way of compiling is another thing measured, so it must show in the case.
            shown = ",".join(f"{key}={_plain(value)}" for key, value in sorted(options.items()))
            names.append(f"compile({shown})" if shown else "compile")
        return [*names, "cuda_graph"] if self.cuda_graph else names

    def check_device(self, model: str, device: torch.device) -> None:
        """Raise UnavailableError for what ``device`` cannot do."""
        if self.cuda_graph and device.type != "cuda":
            raise UnavailableError(f"{model}: cuda_graph=True needs a CUDA device, and this is {device}: --device=cuda")

    def check_checkpoint(self, model: str) -> None:
        """Raise UsageError for weights that ``model`` cannot have."""
        if self.checkpoint is None:
            return
        shown = repr(str(self.checkpoint))
        if self.pretrained:
            raise UsageError(f"{model}: pretrained=True and checkpoint={shown} exclude each other; keep one")
        if self.checkpoint == SAMPLES:
            if model.partition(".")[0] != SAMPLES_MODEL:
                raise UsageError(f"checkpoint={SAMPLES!r} holds weights for {SAMPLES_MODEL}, not for {model}")
        elif not Path(self.checkpoint).is_file():
            raise UsageError(f"{model}: there is no checkpoint file {shown}")


#: Keywords that are ours, and never the builder's.
KEYWORDS = tuple(one.name for one in fields(BuildOptions))


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _plain(value: object) -> str:
    """Text without an address in it, which would differ from run to run."""
    return str(getattr(value, "__qualname__", None) or value)
