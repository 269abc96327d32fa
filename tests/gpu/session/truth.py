"""Our timers beside the truth, and predicted memory beside the allocator's, on a real device.

    truth.py OUT DEVICE

For each model: both samples of a block, alone and in turns; a synchronized call; the wall clock over twenty; what
launching takes; and, of the device itself, the sum of its kernels and the replay of a graph of them. Exit status 1
where what should agree does not: see `LIMITS`.
"""

from __future__ import annotations

import gc
import json
import statistics
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from pytest_modelbench.bench.launching import launches_of
from pytest_modelbench.core.blocks import Amount
from pytest_modelbench.core.train_options import TrainOptions
from pytest_modelbench.measure.clocks import clock_for
from pytest_modelbench.measure.devices import device_uuid, resolve_device
from pytest_modelbench.measure.health import health_probe
from pytest_modelbench.measure.lockstep import InTurns
from pytest_modelbench.measure.memory import allocated_peak, live_peak
from pytest_modelbench.measure.reference import reference_workload
from pytest_modelbench.measure.sampling import Alone, Conditions, Target, sample
from pytest_modelbench.measure.timer import DeviceTimer
from pytest_modelbench.measure.workload import enqueue_s
from pytest_modelbench.models.build import build
from pytest_modelbench.models.training import TrainStep

#: How far what should agree may be apart: of a share, of the larger one.
LIMITS = {"first and second sample": 0.01, "alone and in turns": 0.02}
SMALL = [("test_resnet", 2, "fp32", False)]
TIMED = [
    ("mobilenetv3_small_100", 1, "fp32", False),
    ("efficientnet_b0", 1, "fp32", False),
    ("resnet50", 1, "fp32", False),
    ("vit_base_patch16_224", 1, "fp32", False),
    ("resnet50", 8, "fp32", False),
    ("resnet50", 32, "fp32", False),
    ("vit_base_patch16_224", 32, "fp32", False),
    ("resnet50", 64, "amp-fp16", True),
    ("vit_base_patch16_224", 64, "bf16", False),
]
#: Model, batch, precision, and whether a training step, a forward and backward pass, or a forward pass is looked at.
PEAKS = [
    *(
        (model, 32, "fp32", what)
        for model in ("mobilenetv3_small_100", "efficientnet_b0", "resnet50", "vit_base_patch16_224")
        for what in ("forward", "backward")
    ),
    ("resnet50", 64, "fp32", "step"),
    ("vgg16_bn", 128, "fp32", "step"),
    ("efficientnet_b0", 64, "fp32", "step"),
    ("resnet50", 256, "amp-fp16", "step"),
    ("vit_base_patch16_224", 32, "amp-bf16", "step"),
    ("vit_base_patch16_224", 32, "fp32", "step"),
]
Run = Callable[[], object]


class WithoutTwin:
    """One side of a duet whose other side answers at once."""

    def __init__(self) -> None:
        self._left = 0
        self.disturbed = 0

    def ready(self, case: str, amount: Amount) -> int:
        self._left = 2 * amount.planned
        return 0

    def wait(self) -> bool:
        self._left -= 1
        return self._left >= 0

    def done(self, log_ratio: float, disturbed: bool) -> None:
        self.disturbed += disturbed


def main() -> int:
    out, device = Path(sys.argv[1]), torch.device(resolve_device(sys.argv[2]))
    small = device.type == "cpu"
    if small:
        torch.set_num_threads(1)
    found: dict[str, list[Any]] = {"timing": [], "memory": [], "failed": []}
    for case in SMALL if small else TIMED:
        _try(found, "timing", lambda case=case: timing(device, *case))
    for peak in [] if small else PEAKS:
        _try(found, "memory", lambda peak=peak: memory(device, *peak))
    (out / "truth.json").write_text(json.dumps(found, indent=1))
    apart = [f"{row['case']}: {what}" for row in found["timing"] for what in _apart(row)]
    print("\n".join(["apart:", *apart]) if apart else "all that should agree agrees")
    # On a CPU nothing is in question, and its cores are shared.
    return int(bool(found["failed"] or (apart and not small)))


def timing(device: torch.device, name: str, batch: int, precision: str, channels_last: bool) -> dict[str, Any]:
    size = 64 if device.type == "cpu" else 224
    model = build(
        name, device=device, batch_size=batch, precision=precision, channels_last=channels_last, image_size=size
    )
    model.check_output(model.forward())
    start = time.monotonic()
    reference = reference_workload(device)
    row: dict[str, Any] = {"case": model.case.id, "reference_made_s": time.monotonic() - start}
    clock, probe = clock_for(device), health_probe(device.type, device_uuid(device))
    with model.inference() as run:
        target, conditions = Target(run, clock), Conditions(probe.disturbed, lambda: (reference.renew(), model.renew()))
        alone = sample(target, Alone(reference.run, boosts=device.type != "cpu"), conditions=conditions)
        health, twin = probe.read(), WithoutTwin()
        turns = sample(target, InTurns(twin, "case"), conditions=Conditions(probe.disturbed))
        timer = DeviceTimer(device)
        row |= {
            "first_s": [block.target_s[0] for block in alone.blocks],
            "second_s": [block.target_s[1] for block in alone.blocks],
            "reference_s": [one_s for block in alone.blocks for one_s in block.reference_s],
            "calls": alone.inner_target,
            "median_s": alone.median_s,
            "repeated": alone.repeated,
            "disturbed": alone.disturbed,
            "unhealthy": health.unhealthy,
            "gpu": health.gpu.figures if health.gpu else {},
            "in_turns_s": turns.median_s,
            "synchronized_s": timer(run, repeat=30, warmup=3).median_s,
            "wall_of_twenty_s": timer(lambda: [run() for _ in range(20)], repeat=5, warmup=1).median_s / 20,
            "enqueue_s": enqueue_s(run, clock),
        }
        if device.type == "cuda":
            row |= {"graph_s": _graph_s(run)}
    if device.type == "cuda":
        launches = launches_of(model)
        row["launches"] = launches.total if launches else None
        with model.inference() as run:  # last: whatever watches kernels stays attached
            row |= _kernels(run)
    print({key: round(one, 6) if isinstance(one, float) else one for key, one in row.items() if key[-3:] != "d_s"})
    return row


def _kernels(run: Run, calls: int = 5) -> dict[str, float]:
    """How many kernels a call launches, and how long they run."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
        for _ in range(calls):
            run()
        torch.cuda.synchronize()
    spans = [event for event in profile.events() if event.device_type == torch.autograd.DeviceType.CUDA]
    return {
        "kernels": len(spans) / calls,
        "kernels_s": sum(event.time_range.elapsed_us() for event in spans) / calls / 1e6,
    }


def _graph_s(run: Run, replays: int = 30) -> float:
    """Seconds of a replayed graph of one call: what the device takes where nothing is launched one by one."""
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        for _ in range(3):
            run()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        run()
    graph.replay()
    first, last = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize()
    first.record()
    for _ in range(replays):
        graph.replay()
    last.record()
    torch.cuda.synchronize()
    return first.elapsed_time(last) / replays / 1e3


def memory(device: torch.device, name: str, batch: int, precision: str, what: str) -> dict[str, Any]:
    model = build(name, device=device, batch_size=batch, precision=precision, image_size=224)
    bare = model.on_meta()
    if what == "step":
        options = TrainOptions(input="ones")
        with TrainStep(bare, options) as step:
            step()
            predicted = live_peak(step, step.tensors()).peak_bytes
        with TrainStep(model, options) as step:
            step()
            peak = allocated_peak(step, device)
    else:
        backward = what == "backward"
        run = bare.forward_backward if backward else bare.forward
        predicted = live_peak(run, bare.tensors(training=backward)).peak_bytes
        peak = allocated_peak(model.forward_backward if backward else model.forward, device)
    row = {
        "case": f"{model.case.id} {what}",
        "predicted_bytes": predicted,
        **{name: getattr(peak, name) for name in peak.__slots__},
    }
    print({key: f"{one / 2**20:.1f} MiB" if isinstance(one, int) else one for key, one in row.items()})
    return row


def _apart(row: dict[str, Any]) -> list[str]:
    """What of a timing should agree, and does not."""
    pairs = {
        "first and second sample": (statistics.median(row["first_s"]), statistics.median(row["second_s"])),
        "alone and in turns": (row["median_s"], row["in_turns_s"]),
    }
    apart = [
        f"{what}: {one * 1e3:.3f} and {other * 1e3:.3f} ms"
        for what, (one, other) in pairs.items()
        if abs(one - other) > LIMITS[what] * max(one, other)
    ]
    if row.get("launches") != row.get("kernels"):
        apart.append(f"launches and kernels: {row['launches']} and {row['kernels']}")
    return apart


def _try(found: dict[str, list[Any]], kind: str, measured: Callable[[], dict[str, Any]]) -> None:
    try:
        found[kind].append(measured())
    except Exception:  # one case must not cost the others
        print(traceback.format_exc())
        found["failed"].append(traceback.format_exc())
    finally:
        gc.collect()
        if torch.cuda.is_initialized():
            torch.cuda.empty_cache()


if __name__ == "__main__":
    sys.exit(main())
