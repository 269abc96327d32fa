"""What a device can do at most, measured: multiply-accumulates and bytes a second."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch.nn import functional

from pytest_modelbench.core.roofline import Ceilings
from pytest_modelbench.host.cores import largest_cache_bytes
from pytest_modelbench.measure.timer import DeviceTimer

#: Of square matrices, and of images of a convolution: large enough to fill a device, and some 0.1 s on one core.
_PRODUCTS = {"cpu": (1024, (8, 128, 56)), "other": (8192, (64, 256, 56))}
#: Bytes of what is copied: within a core's own caches, within those that cores share, and beyond all.
_COPIED = (2**18, 2**22, 2**28)
#: Caches that hold a fourth of what moves, and less, do not speed it up by much.
_BEYOND = 4
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
        small, middle, large = (2 * size / _copy_s(size, device) for size in _COPIED)
    caches = _caches_bytes(device)
    # What caches may still hold moves as fast as they do: a floor is one only where it is not too high.
    edges = (2.0 * _COPIED[0], math.inf if caches is None else float(_BEYOND * caches), math.inf)
    rates = (max(small, middle, large), max(middle, large), large)
    return Ceilings(max(of_matrices, of_convolution), tuple(zip(edges, rates, strict=True)))


def _caches_bytes(device: torch.device) -> int | None:
    """The largest cache of ``device``; None where it is not known."""
    if device.type == "cuda":
        return getattr(torch.cuda.get_device_properties(device), "L2_cache_size", None) or None
    return largest_cache_bytes() if device.type == "cpu" else None


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
