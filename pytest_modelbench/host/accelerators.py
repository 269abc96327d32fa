"""Whether this machine may have an accelerator, by what its drivers leave in the file system."""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path

#: What a driver makes when it finds a device: NVIDIA's (in a container, too; on Tegra; under WSL, for every vendor),
#: AMD's, the rendering nodes that Intel's GPUs are used through, and those of the kernel's own class of accelerators.
_NODES = ("proc/driver/nvidia", "dev/nvidia*", "dev/nvhost-*", "dev/dxg", "dev/kfd", "dev/dri/renderD*", "dev/accel*")
#: Under this name packages bring devices of their own to torch, which imports them as it is imported.
_PLUGINS = "torch.backends"


def accelerator_possible(root: Path = Path("/"), platform: str = sys.platform) -> bool:
    """False only where torch would certainly find no accelerator; True says that it has to be asked.

    Linux has none if no driver has left a file for one, and no package brings devices to torch. Everywhere else, as on
    macOS, torch has to be asked.
    """
    if platform != "linux":
        return True
    return any(True for node in _NODES for _ in root.glob(node)) or bool(metadata.entry_points(group=_PLUGINS))
