"""What a device can do at most, measured: multiply-accumulates and bytes a second."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn import functional

from pytest_modelbench.core.roofline import Ceilings
from pytest_modelbench.measure.timer import DeviceTimer

#: Of square matrices, and of images of a convolution: large enough to fill a device, and some 0.1 s on one core.
_PRODUCTS = {"cpu": (1024, (8, 128, 56)), "other": (8192, (64, 256, 56))}
#: Bytes of what is copied: within a core's own caches, within those that cores share, and beyond all.
_COPIED = (2**18, 2**22, 2**28)
#: Calls of each, of which the fastest counts: a ceiling is what was reached once.
_CALLS = 10


def ceilings(device: torch.device, dtype: torch.dtype) -> Ceilings:
    """Those of ``device``, products in ``dtype``; takes a second or two."""
    side, (batch, channels, size) = _PRODUCTS["cpu" if device.type == "cpu" else "other"]
    one, other = (torch.ones(side, side, device=device, dtype=dtype) for _ in range(2))
    images = torch.ones(batch, channels, size, size, device=device, dtype=dtype)
    weight = torch.ones(channels, channels, 3, 3, device=device, dtype=dtype)
    with torch.inference_mode():
        of_matrices = side**3 / _fastest_s(lambda: one @ other, device)
        convolution_s = _fastest_s(lambda: functional.conv2d(images, weight, padding=1), device)
        of_convolution = batch * size**2 * 9 * channels**2 / convolution_s
        moved = tuple((2.0 * size, 2 * size / _copy_s(size, device)) for size in _COPIED)
    return Ceilings(max(of_matrices, of_convolution), moved)


def _copy_s(size: int, device: torch.device) -> float:
    source, target = (torch.ones(size, dtype=torch.uint8, device=device) for _ in range(2))
    # As many copies in one timing as move what the largest does, so that none is shorter than the clock can tell.
    calls = max(1, min(256, _COPIED[-1] // size))

    def copies() -> None:
        for _ in range(calls):
            target.copy_(source)

    return _fastest_s(copies, device) / calls


def _fastest_s(call: Callable[[], object], device: torch.device) -> float:
    return DeviceTimer(device)(call, repeat=_CALLS).min_s
