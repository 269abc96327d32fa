"""What torch makes of a GPU, asked in a process of its own: the doctor's imports no torch, and keeps no device busy."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.host.nvml import driver_version
from pytest_modelbench.host.proc import PROC
from pytest_modelbench.workers.asking import ask

#: Importing torch from a cold disk takes most of a minute.
_LIMIT_S = 120
#: Of `torch.cuda.get_arch_list`: binary code for one architecture, or PTX, which the driver translates for later ones.
_KERNELS = re.compile(r"(sm|compute)_(\d+)(\d)([af]?)")


@dataclass(frozen=True, slots=True)
class Sight:
    """What torch tells of the GPU that it would use. None: it does not tell."""

    torch: str = ""  #: its version,
    built_for: str = ""  #: and what it is built for, as ``CUDA 13.2``; empty: for no GPU
    why_unseen: str = ""  #: why it cannot use the GPU, in its own words; empty if it can
    name: str = ""
    architecture: str = ""  #: of the GPU, as ``sm_90``
    kernels: tuple[str, ...] = ()  #: the architectures that this torch has code for
    free_bytes: int | None = None
    total_bytes: int | None = None

    @property
    def translated(self) -> bool:
        """Whether what it has for this GPU is PTX alone, which is translated when it is first used."""
        return not self._runs("sm") and self._runs("compute")

    @property
    def supported(self) -> bool:
        """Whether it has code that runs on this GPU, translated or not."""
        return self.architecture in self.kernels or self._runs("sm") or self._runs("compute")

    def _runs(self, kind: str) -> bool:
        """Binary code runs on its own generation, on the same or a later member; PTX on everything later."""
        own = _KERNELS.fullmatch(self.architecture)
        if own is None:
            return False
        major, minor = int(own[2]), int(own[3])
        for found in filter(None, map(_KERNELS.fullmatch, self.kernels)):
            of = int(found[2]), int(found[3])
            if found[1] != kind:
                continue
            if found[4] == "a":  # what only this very architecture has
                runs = of == (major, minor)
            elif kind == "sm" or found[4]:
                runs = of[0] == major and of[1] <= minor
            else:
                runs = of <= (major, minor)
            if runs:
                return True
        return False


def sight_of(device: str, proc: Path = PROC) -> Sight | None:
    """What torch makes of the GPU that ``device`` stands for; None where that is none of NVIDIA's, or cannot be asked.

    ``auto`` is one where its driver is there: ``proc`` is the folder of that name.
    """
    name = device.strip().lower()
    if name == "auto" and driver_version(proc):
        name = "cuda"
    if name.partition(":")[0] != "cuda":
        return None
    try:
        told = ask("pytest_modelbench.measure.gpu_sight", {"device": name}, _LIMIT_S)
    except subprocess.TimeoutExpired:
        return Sight(why_unseen=f"it does not answer within {_LIMIT_S} s")
    except (OSError, UsageError):
        return None
    return Sight(**{**told, "kernels": tuple(told.get("kernels", ()))})
