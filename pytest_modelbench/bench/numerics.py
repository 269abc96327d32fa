"""What ``modelbench.numerics`` does: the output on a fixed input, held against the stored one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook

from pytest_modelbench.core.errors import MeasureError, UsageError, hide_own_frames
from pytest_modelbench.core.measurement import Comparability, Measurement
from pytest_modelbench.core.observations import numbers
from pytest_modelbench.core.trail import Step, Trail
from pytest_modelbench.data.datasets import DataDigest
from pytest_modelbench.measure.numerics import Fingerprint, fingerprint, in_short
from pytest_modelbench.measure.state import preserved_state
from pytest_modelbench.models.built import BuiltModel
from pytest_modelbench.models.modes import is_compiled
from pytest_modelbench.models.outputs import floating_tensors

__tracebackhide__ = hide_own_frames

#: Tolerated difference as a share of the output's root mean square, by precision. float32 sums in another order on
#: another processor differ by 1e-6 to 1e-5 for networks of fifty layers; half precision has three digits, bfloat16 two.
TOLERANCES = {"fp32": "0.1%", "fp16": "2%", "amp-fp16": "2%", "bf16": "10%", "amp-bf16": "10%"}

#: What two passes in one process may differ by, as such a share: kernels that sum in any order, as on a GPU.
_REPEATED = {"fp32": 1e-4, "fp16": 2e-3, "amp-fp16": 2e-3, "bf16": 1e-2, "amp-bf16": 1e-2}


@dataclass(frozen=True, slots=True)
class Output:
    """What a model puts out, in short, and what its parts put out on the way there."""

    fingerprint: Fingerprint
    trail: Trail | None  #: None of what is compiled


def output_of(model: BuiltModel, images: Tensor | None = None) -> Output:
    """What ``model`` puts out on its seeded inputs, or on ``images``; in full float32.

    Raises UsageError for images of another size or number than its case says, and MeasureError for a model whose second
    pass, begun as the first, computes something else: what changes by itself cannot be held against anything.
    """

    def run() -> Fingerprint:
        with model.as_found():
            output = model.forward() if images is None else model.predict(_fitting(images, model))
            return fingerprint(tensor for _, tensor in floating_tensors(output))

    with _full_float32():
        found = run()
        with _followed(model.module) as steps:
            again = run()
        if found.differs(again, _REPEATED[model.case.precision]):
            with _followed(model.module) as others:
                run()
            different = Trail(tuple(steps)).parting(Trail(tuple(others)), 0.0)
            part = (different and different.module) or type(model.module).__name__
            raise MeasureError(
                f"{model.case.id} computes something else each time, with the same images, seeds and state: first in "
                f"{part}. It may draw from a generator that is no torch.Generator, or keep what it met outside of its "
                "attributes; give the test a model that does not"
            )
    return Output(found, Trail(tuple(steps)) if steps else None)


def output_measurement(model: BuiltModel, found: Output, images: Tensor | None, name: str = "") -> Measurement:
    """The output's root mean square, observed by the fingerprint's numbers, with the way to it."""
    data = "" if images is None else f"images {DataDigest().tensor(images.detach().cpu()).text}"
    output = found.fingerprint
    return Measurement.of(
        "output", output.rms, model.case, name, comparability=Comparability(data=data),
        observations=numbers((*output.numbers, float(output.size))), trail=found.trail,
    )  # fmt: skip


@contextmanager
def _followed(module: nn.Module) -> Iterator[list[Step]]:
    """What each part of ``module`` puts out meanwhile, in the order in which they are done.

    What hands on the very output of a part of its own is left out. Nothing of what is compiled: it would be compiled
    anew, and otherwise.
    """
    steps: list[Step] = []
    if is_compiled(module):
        yield steps
        return
    names = {id(part): name for name, part in module.named_modules()}
    last: list[Tensor] = []  # kept, so that no other tensor is taken for them

    def note(part: nn.Module, inputs: object, output: object) -> None:
        nonlocal last
        if id(part) not in names:
            return
        try:
            tensors = [tensor for _, tensor in floating_tensors(output)]
            found = in_short(tensors)
        except RuntimeError:  # sparse ones, and whatever else has no plain values
            return
        if found is None:
            return
        # The same tensors may hold something else by now: many activations work in place.
        handed_on = [*map(id, tensors)] == [*map(id, last)] and steps and found == (steps[-1].rms, *steps[-1].numbers)
        last = tensors
        if not handed_on:
            steps.append(Step(names[id(part)], found[0], found[1:]))

    # One for all: some refuse hooks of their own, as scripted ones do, and others then take a slower way.
    hook = register_module_forward_hook(note)
    try:
        yield steps
    finally:
        hook.remove()


def _fitting(images: Tensor, model: BuiltModel) -> Tensor:
    height, width = model.image_size
    count = model.case.batch_size
    if images.dim() != 4 or (len(images), *images.shape[2:]) != (count, height, width):
        raise UsageError(
            f"{model.case.id}: images are {tuple(images.shape)}, and it is built for {count} of {height}x{width}; pass "
            "such ones, or build it with their batch_size= and image_size="
        )
    return images


@contextmanager
def _full_float32() -> Iterator[None]:
    """float32 products in float32: cuDNN's convolutions have three digits by default, and others may be told to."""
    backends: Any = torch.backends  # its stubs lack the operators
    with preserved_state():
        # The legacy switches first, which set some of the others: where they contradict those, reading them raises.
        torch.set_float32_matmul_precision("highest")
        backends.cudnn.allow_tf32 = False
        for owner in (backends.cuda.matmul, backends.cudnn.conv, backends.mkldnn.matmul, backends.mkldnn.conv):
            owner.fp32_precision = "ieee"
        yield
