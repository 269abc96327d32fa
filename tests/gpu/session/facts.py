"""What the card, its driver and this environment are; the argument is the device."""

import os
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path


def main() -> None:
    if shutil.which("nvidia-smi"):
        for more in ([], ["-q", "-d", "CLOCK,POWER,TEMPERATURE,PERFORMANCE,COMPUTE"]):
            print(subprocess.run(["nvidia-smi", *more], capture_output=True, text=True, check=False).stdout)
    print(platform.platform(), os.cpu_count(), "cores; pid namespace", _link("/proc/self/ns/pid"))
    start = time.perf_counter()
    import torch

    print(f"importing torch took {time.perf_counter() - start:.1f} s")
    import timm
    import torchvision

    print("torch", torch.__version__, "CUDA", torch.version.cuda, "timm", timm.__version__, end=" ")
    print("torchvision", torchvision.__version__, "built for", torch.cuda.get_arch_list())
    from pytest_modelbench.measure.devices import resolve_device
    from pytest_modelbench.measure.environment import detect

    print(detect(resolve_device(sys.argv[1]), threads=1))


def _link(path: str) -> str:
    try:
        return str(Path(path).readlink())
    except OSError as error:
        return str(error)


if __name__ == "__main__":
    main()
