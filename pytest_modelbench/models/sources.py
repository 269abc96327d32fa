"""Where a model comes from, and what it takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pytest_modelbench.core.errors import hide_own_frames
from pytest_modelbench.models.inputs import Arguments, InputMaker, Noise, Placement, made_arguments

__tracebackhide__ = hide_own_frames

#: What timm itself takes where a model says nothing (timm.data.config.resolve_data_config).
DEFAULT_SIZE = (3, 224, 224)


@dataclass(frozen=True, slots=True)
class ModelSource:
    """How a module is made, on whatever device is current, without moving it anywhere.

    ``targets(batch_size, image_size, seed)`` makes what the module is trained on besides images, on the CPU: then
    ``module(images, targets)`` returns a mapping of losses in train mode. Without, it takes images alone.
    """

    name: str
    channels: int
    image_size: tuple[int, int]
    make: Callable[[], object]
    make_bare: Callable[[], object]  #: the same architecture, without fetching weights
    targets: Callable[[int, tuple[int, int], int], Any] | None = None
    inputs: InputMaker | None = None  #: None: images of ``channels`` and ``image_size``

    def arguments(self, batch_size: int, seed: int, placement: Placement) -> Arguments:
        """What its modules are called with: the same numbers on every device, on meta none."""
        make = self.inputs or Noise(((self.channels, *self.image_size),))
        return made_arguments(make, batch_size, seed, placement)
