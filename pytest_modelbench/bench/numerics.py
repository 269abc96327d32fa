"""What ``modelbench.numerics`` does: the output on a fixed input, held against the stored one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from pytest_modelbench.core.errors import UsageError, hide_own_frames
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


def output_fingerprint(model: BuiltModel, images: Tensor | None = None) -> Fingerprint:
    """The fingerprint of ``model``'s output on its seeded inputs, or on ``images``; in full float32.

    Raises UsageError for images of another size or number than its case says.
    """
    with _full_float32():
        output = model.forward() if images is None else model.predict(_fitting(images, model))
        return fingerprint(tensor for _, tensor in floating_tensors(output))


def output_measurement(model: BuiltModel, found: Fingerprint, images: Tensor | None, name: str = "") -> Measurement:
    """The output's root mean square, observed by the fingerprint's numbers."""
    data = "" if images is None else f"images {DataDigest().tensor(images.detach().cpu()).text}"
    observations = numbers((*found.numbers, float(found.size)))
    return Measurement.of(
        "output", found.rms, model.case, name, comparability=Comparability(data=data), observations=observations
    )


def _fitting(images: Tensor, model: BuiltModel) -> Tensor:
    height, width = model.case.image_size
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
