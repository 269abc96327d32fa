"""What ``modelbench.numerics`` does: the output on a fixed input, held against the stored one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from pytest_modelbench.core.errors import MeasureError, UsageError, hide_own_frames
from pytest_modelbench.core.measurement import Comparability, Measurement
from pytest_modelbench.core.observations import numbers
from pytest_modelbench.data.datasets import DataDigest
from pytest_modelbench.measure.numerics import Fingerprint, fingerprint
from pytest_modelbench.measure.state import preserved_state
from pytest_modelbench.models.built import BuiltModel
from pytest_modelbench.models.outputs import floating_tensors

__tracebackhide__ = hide_own_frames

#: Tolerated difference as a share of the output's root mean square, by precision. float32 sums in another order on
#: another processor differ by 1e-6 to 1e-5 for networks of fifty layers; half precision has three digits, bfloat16 two.
TOLERANCES = {"fp32": "0.1%", "fp16": "2%", "amp-fp16": "2%", "bf16": "10%", "amp-bf16": "10%"}

#: What two passes in one process may differ by, as such a share: kernels that sum in any order, as on a GPU.
_REPEATED = {"fp32": 1e-4, "fp16": 2e-3, "amp-fp16": 2e-3, "bf16": 1e-2, "amp-bf16": 1e-2}


def output_fingerprint(model: BuiltModel, images: Tensor | None = None) -> Fingerprint:
    """The fingerprint of ``model``'s output on its seeded inputs, or on ``images``; in full float32.

    Raises UsageError for images of another size or number than its case says, and MeasureError for a model whose second
    pass, begun as the first, computes something else: what changes by itself cannot be held against anything.
    """

    def run() -> Fingerprint:
        with model.as_found():
            output = model.forward() if images is None else model.predict(_fitting(images, model))
            return fingerprint(tensor for _, tensor in floating_tensors(output))

    with _full_float32():
        found, again = run(), run()
        if found.differs(again, _REPEATED[model.case.precision]):
            part = _first_that_differs(model.module, run)
            raise MeasureError(
                f"{model.case.id} computes something else each time, with the same images, seeds and state: {part}. It "
                "may draw from a generator that is no torch.Generator, or keep what it met outside of its attributes; "
                "give the test a model that does not"
            )
    return found


def output_measurement(model: BuiltModel, found: Fingerprint, images: Tensor | None, name: str = "") -> Measurement:
    """The output's root mean square, observed by the fingerprint's numbers."""
    data = "" if images is None else f"images {DataDigest().tensor(images.detach().cpu()).text}"
    observations = numbers((*found.numbers, float(found.size)))
    return Measurement.of(
        "output", found.rms, model.case, name, comparability=Comparability(data=data), observations=observations
    )


def _first_that_differs(module: nn.Module, run: Callable[[], object]) -> str:
    """The part whose output is another one in each of two runs, named: the first to be done with it."""
    runs: list[list[tuple[str, list[float]]]] = []
    names = {part: name or type(part).__name__ for name, part in module.named_modules()}

    def note(part: nn.Module, inputs: object, output: object) -> None:
        runs[-1].append((names[part], [tensor.double().sum().item() for _, tensor in floating_tensors(output)]))

    handles = [part.register_forward_hook(note) for part in names]
    try:
        for _ in range(2):
            runs.append([])
            run()
    finally:
        for handle in handles:
            handle.remove()
    different = (one[0] for one, other in zip(*runs, strict=False) if one != other)
    return f"first in {next(different, type(module).__name__)}"


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
