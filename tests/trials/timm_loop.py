"""timm's own inference benchmark, written plainly: 10 + 40 forward passes of each model, one after the other."""

import sys
import time

import timm
import torch

WARM_UP, ITERATIONS = 10, 40


def main(threads: int, names: list[str]) -> None:
    torch.set_num_threads(threads)
    for name in names:
        model = timm.create_model(name).eval()
        images = torch.randn(1, 3, 224, 224)
        with torch.inference_mode():
            for _ in range(WARM_UP):
                model(images)
            start = time.perf_counter()
            for _ in range(ITERATIONS):
                model(images)
        print(name, (time.perf_counter() - start) / ITERATIONS)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
