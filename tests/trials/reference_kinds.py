"""Which reference workloads run at the same speed in every process: medians and fast ends of several, raw.

One process a time, resumes where it was interrupted. Log seconds per call; the fast end is the third of 15 samples.
"""

import json
import math
import statistics
import sys
import time

from machine import in_processes

PROCESSES = 26
SAMPLES, SAMPLE_S = 15, 0.008


def measure():
    """One process, as a worker is: a model has run before."""
    import torch

    from pytest_modelbench.measure.allocator import settle_allocator
    from pytest_modelbench.measure.pinning import pin
    from pytest_modelbench.models.build import build

    torch.set_num_threads(1)
    pin(1)
    settle_allocator()
    build("mobilenetv3_small_100", device=torch.device("cpu")).forward()
    seeded = torch.Generator().manual_seed(1)

    def data(*shape):
        return torch.randn(*shape, generator=seeded)

    conv = torch.nn.functional.conv2d
    large, weight = data(1, 64, 112, 112), data(64, 64, 3, 3)
    last, weight_last = (tensor.to(memory_format=torch.channels_last) for tensor in (large, weight))
    middle, small, weight_small = data(1, 64, 56, 56), data(1, 128, 28, 28), data(128, 128, 3, 3)
    squares = {size: (data(size, size), data(size, size)) for size in (384, 512)}
    calls = {
        "conv_64x112": lambda: conv(large, weight, padding=1),
        "conv_64x56": lambda: conv(middle, weight, padding=1),
        "conv_128x28": lambda: conv(small, weight_small, padding=1),
        "conv_64x112_channels_last": lambda: conv(last, weight_last, padding=1),
        "gemm_384": lambda: squares[384][0] @ squares[384][1],
        "gemm_512": lambda: squares[512][0] @ squares[512][1],
    }

    def lap(call, count):
        call()
        start = time.perf_counter()
        for _ in range(count):
            call()
        return (time.perf_counter() - start) / count

    with torch.inference_mode():
        counts = {}
        for name, call in calls.items():
            for _ in range(5):
                call()
            counts[name] = max(1, int(SAMPLE_S / min(lap(call, 1) for _ in range(5))))
        found = {name: [] for name in calls}
        for _ in range(SAMPLES):
            for name, call in calls.items():
                found[name].append(math.log(lap(call, counts[name])))
    return {name: [round(statistics.median(logs), 3), round(sorted(logs)[2], 3)] for name, logs in found.items()}


def main() -> None:
    if len(sys.argv) > 1:
        print(json.dumps(measure()))
        return
    in_processes(__file__, "reference_kinds", PROCESSES)


if __name__ == "__main__":
    main()
