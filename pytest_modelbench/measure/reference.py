"""The reference workload: a fixed computation timed beside every sample, to cancel the drift of machine speed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

_SEED = 20
_KERNEL = 3
# Raise it with any change that could change the time: baselines on another version are then incomparable.
_VERSIONS = {"cpu": "v1"}
_VERSION = "v2"


@dataclass(frozen=True, slots=True)
class Shape:
    """A 3x3 convolution from ``channels`` to as many, over ``batch`` square images of ``size`` pixels."""

    batch: int
    channels: int
    size: int

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one call."""
        return self.batch * (self.channels * self.size * _KERNEL) ** 2


#: Fixed per type of device, never adapted: a baseline holds only against the very same work.
#: CPU: 0.12 GMAC, about 1.2 ms on one core, with data and weights of 1.4 MB that stay in its own caches. A larger one
#: (3 MB of output) ran 15 to 40 % slower than usual in one process of eight, for as long as the process lived, when
#: nothing else did: `tests/trials/reference_kinds.py`. Matrix products are as steady, but feel a busy neighbour less
#: than models do.
#: CUDA: 118 GMAC, about 1 ms on a data-centre GPU with TF32 and 5 ms without, a few tens on a small one. 256 channels
#: fill tensor cores, and 575 FLOP per byte keep it bound by computing (TF32 on an H200 needs 103). 0.4 GB of memory.
#: Others: an eighth of that, for laptop GPUs of a few TFLOP/s.
SHAPES = {"cpu": Shape(1, 128, 28), "cuda": Shape(64, 256, 56)}
_OTHER = Shape(8, 256, 56)


@dataclass(frozen=True, slots=True)
class Reference:
    """``run`` does the work once, asynchronously where the device is; ``id`` holds everything that defines it.

    ``renew`` moves its data to another place in memory.
    """

    id: str
    run: Callable[[], object]
    renew: Callable[[], object]


def reference_workload(device: torch.device, dtype: torch.dtype = torch.float32) -> Reference:
    """The reference for ``device``: a compute-bound convolution with seeded data, that leaves the global RNG alone.

    All images of a batch are the same one: to draw 50 million numbers takes longer than to time most models.

    In float32 its time follows the session's TF32 switches, which the environment's identity holds.
    """
    shape = SHAPES.get(device.type, _OTHER)
    generator = torch.Generator().manual_seed(_SEED)
    images, weight = (
        torch.randn(*size, generator=generator).to(device, dtype)
        for size in (
            (1, shape.channels, shape.size, shape.size),
            (shape.channels, shape.channels, _KERNEL, _KERNEL),
        )
    )
    images = images.repeat(shape.batch, 1, 1, 1)
    # Under a test's autocast the reference would change with the target, and cancel part of its speed-up.
    autocast = torch.amp.is_autocast_available(device.type)

    def run() -> object:
        if not autocast:
            return torch.nn.functional.conv2d(images, weight, padding=1)
        with torch.autocast(device.type, enabled=False):
            return torch.nn.functional.conv2d(images, weight, padding=1)

    name = str(dtype).removeprefix("torch.").replace("bfloat", "bf").replace("float", "fp")
    version = _VERSIONS.get(device.type, _VERSION)
    size = f"{shape.channels}x{shape.size}x{shape.size}"

    def renew() -> None:
        images.data, weight.data = images.data.clone(), weight.data.clone()

    return Reference(f"conv{_KERNEL}x{_KERNEL}-{size}-b{shape.batch}-{name}-{version}", run, renew)
