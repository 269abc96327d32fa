"""One process of `trust.py truth`: prints mean log of a variant's time over the unchanged model's, in turns."""

import math
import statistics
import sys
import time

import names
import nets
import torch

from pytest_modelbench.measure.allocator import settle_allocator
from pytest_modelbench.measure.pinning import pin

LAYOUTS, BLOCKS, SAMPLE_S = 6, 10, 0.02


def lap(model, images, calls):
    model(images)
    start = time.perf_counter()
    for _ in range(calls):
        model(images)
    return math.log((time.perf_counter() - start) / calls)


def main() -> None:
    variant, name = sys.argv[1:]
    torch.set_num_threads(1)
    pin(1)
    settle_allocator()
    images = torch.randn(1, 3, names.MODELS[name], names.MODELS[name])
    kept, log_ratios = [], []
    with torch.inference_mode():
        for number in range(LAYOUTS):
            kept.append(torch.empty(100_000 * number + 1))
            nets.VARIANT = None
            plain = nets.net(name)
            nets.VARIANT = variant
            varied = nets.net(name)
            calls = max(1, math.ceil(SAMPLE_S / math.exp(min(lap(plain, images, 1) for _ in range(5)))))
            blocks = []
            for _ in range(BLOCKS):
                first = lap(plain, images, calls)
                middle = lap(varied, images, calls) + lap(varied, images, calls)
                blocks.append((middle - first - lap(plain, images, calls)) / 2)
            log_ratios.append(statistics.median(blocks))
    print(statistics.fmean(log_ratios))


if __name__ == "__main__":
    main()
