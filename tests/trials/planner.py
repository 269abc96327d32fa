"""What memory plans take, whether they are always the same, and whether the largest batch is right to one sample.

    python tests/trials/planner.py

The guide's 25 backbones at batches of 1, 8 and 32, forward and a training step with SGD, in one process: how long that
takes. The same plans in ten processes of 1, 2, 3 or 4 threads: byte for byte. For some models and cards the largest
batch that fits, by search, beside what following each batch around it says. Raw in ``results/planner.json``.
"""

import hashlib
import json
import subprocess
import sys
import time

import torch
from machine import describe, write

from pytest_modelbench.bench.planning import fitting, followed_plan, scaled_from
from pytest_modelbench.core.cards import Fit, memories
from pytest_modelbench.core.train_options import TrainOptions
from pytest_modelbench.models.build import build
from pytest_modelbench.published.backbones import backbone_rows

BATCHES = (1, 8, 32)
PROCESSES = 10
CARDS = "t4,rtx3070,v100-16,a100-40"
FITTED = [("resnet50", 224), ("efficientnet_b0", 224), ("vit_base_patch16_224", 224), ("convnext_tiny", 224)]
CPU = torch.device("cpu")


def plans(names):
    """Plans of all, with the seconds that each took."""
    for name in names:
        for batch in BATCHES:
            for training in (None, TrainOptions()):
                start = time.perf_counter()
                found = followed_plan(build(name, device=CPU, batch_size=batch, image_size=224), training)
                yield found, time.perf_counter() - start


def child(threads):
    torch.set_num_threads(threads)
    digest, seconds = hashlib.sha256(), []
    for found, took_s in plans(backbone_rows()):
        digest.update(json.dumps(found.plan.as_json(), sort_keys=True).encode())
        digest.update(repr(found.steps).encode())
        seconds.append(took_s)
    print(json.dumps({"threads": threads, "digest": digest.hexdigest(), "plans": len(seconds), "wall_s": sum(seconds),
                      "longest_s": max(seconds)}))  # fmt: skip


def largest(name, size):
    """The largest batches for some cards, what the search took, and whether batches around each say the same."""
    looked: dict[int, object] = {}

    def of(batch):
        if batch not in looked:
            looked[batch] = followed_plan(
                build(name, device=CPU, batch_size=batch, image_size=size), TrainOptions(input="noise")
            )
        return looked[batch]

    start, rows = time.perf_counter(), []
    scaled = scaled_from(lambda batch: of(batch).steps)
    found = [(memory, fitting(memory, lambda batch: of(batch).plan, scaled)) for memory in memories(CARDS)]
    took_s, looks = time.perf_counter() - start, len(looked)
    for memory, one in found:
        for batch, among in ((one.fits, (Fit.FITS,)), (one.perhaps, (Fit.FITS, Fit.CLOSE))):
            plans = {near: of(near).plan for near in range(max(1, batch - 3), batch + 4)}
            fits = {
                near: memory.fit(plan.allocated_bytes, plan.reserved_bytes) in among for near, plan in plans.items()
            }
            right = all(fit == (near <= batch) for near, fit in fits.items())
            rows.append({"card": memory.name, "batch": batch, "as": among[-1].name.lower(), "right": right})
    return {"model": name, "wall_s": round(took_s, 1), "followed": looks, "batches": rows}


def main():
    if sys.argv[1:2] == ["child"]:
        child(int(sys.argv[2]))
        return
    machine, rows = describe(), []
    for number in range(PROCESSES):
        command = [sys.executable, __file__, "child", str(1 + number % 4)]
        ran = subprocess.run(command, capture_output=True, text=True, check=True)
        rows.append(json.loads(ran.stdout))
        print(rows[-1], flush=True)
    fitted = []
    for name, size in FITTED:
        fitted.append(largest(name, size))
        print(fitted[-1], flush=True)
    figures = {"processes": rows, "same": len({row["digest"] for row in rows}) == 1, "largest": fitted}
    write("planner", machine, figures)


if __name__ == "__main__":
    main()
