"""What torch makes of a GPU of NVIDIA's or AMD's, told by a process that imports torch and takes the GPU for it."""

from __future__ import annotations

import json
import sys
from typing import Any

from pytest_modelbench.measure.devices import first_words


def main() -> None:
    """Print, as one line of JSON, what `gpu_sight` tells of the device that the question names."""
    print(json.dumps(gpu_sight(json.loads(sys.argv[1])["device"])))


def gpu_sight(name: str) -> dict[str, Any]:
    """The fields of `doctor.sight.Sight` for the device ``name``, such as ``cuda:0``."""
    import torch

    cuda, hip = torch.version.cuda, torch.version.hip
    told: dict[str, Any] = {
        "torch": torch.__version__,
        "built_for": f"CUDA {cuda}" if cuda else f"ROCm {hip}" if hip else "",
    }
    try:
        device = torch.device(name)
        properties: Any = torch.cuda.get_device_properties(device)
        free_bytes, total_bytes = torch.cuda.mem_get_info(device)
    except Exception as error:  # what torch.cuda raises where it cannot begin is of no class of its own
        return {**told, "why_unseen": first_words(error)}
    amd = getattr(properties, "gcnArchName", "").partition(":")[0]
    return {
        **told,
        "name": properties.name,
        "architecture": amd if hip else f"sm_{properties.major}{properties.minor}",
        "kernels": torch.cuda.get_arch_list(),
        "free_bytes": free_bytes,
        "total_bytes": total_bytes,
    }
