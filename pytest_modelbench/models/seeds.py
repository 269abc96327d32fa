"""Random numbers from a seed, whoever draws them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy
import torch


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Random state from ``seed`` inside, as it was afterwards: of torch on the CPU and ``device``, numpy and Python."""
    of_python, of_numpy = random.getstate(), numpy.random.get_state()
    random.seed(seed)
    numpy.random.seed(seed % 2**32)
    try:
        with _torch_seeded(seed, device):
            yield
    finally:
        numpy.random.set_state(of_numpy)
        random.setstate(of_python)


@contextmanager
def _torch_seeded(seed: int, device: torch.device) -> Iterator[None]:
    if device.type in ("cpu", "meta"):
        # torch.manual_seed would seed accelerators as well, and saving their state would initialize them.
        with torch.random.fork_rng(devices=()):
            torch.default_generator.manual_seed(seed)
            yield
    else:
        count = torch.get_device_module(device).device_count()
        with torch.random.fork_rng(devices=range(count), device_type=device.type):
            torch.manual_seed(seed)
            yield
