"""A small catalog and sessions on two devices for the tests of the guide: round figures, names that break layouts."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import replace

from pytest_modelbench.core.bands import Band
from pytest_modelbench.core.case import Case
from pytest_modelbench.core.environment import Environment
from pytest_modelbench.core.measurement import CheckKey, Comparability, Figure, Measurement, Quality, RelativeTime
from pytest_modelbench.core.metrics import METRICS, Better, Metric, Scope
from pytest_modelbench.core.session import Check, Session, Stamp
from pytest_modelbench.core.verdicts import Judgement, Verdict
from pytest_modelbench.published.catalog.reader import read_tables

MIB, GIB = 2**20, 2**30

CATALOG = """
document = "guide"
title = "A guide"

[[table]]
id = "backbones-cnn"
title = "CNNs"
hardware = "NVIDIA V100"
note = "Times are those\\nof single images, *whatever* it says."
columns = [
  { header = "Backbone" },
  { header = "Parameters", figure = "parameters", unit = "count", case = { batch_size = 32 } },
  { header = "Top-1", figure = "top1", unit = "fraction", case = { batch_size = 32 }, needs = ["imagenet"] },
  { header = "Size (MB)", figure = "size", unit = "bytes", reads = "MiB", case = { batch_size = 32 } },
  { header = "Inference (ms)", figure = "latency", unit = "s", reads = "ms", case = { batch_size = 1 } },
]
case = { image_size = 224 }
row = [
  { id = "small", model = "small", reads = { size = "MB" }, cells = ["small", "2.5M", "68%", "10", "0.8"] },
  { id = "middle", model = "middle", remark = "Size | <w>.", cells = ["middle", "25.6M", "80.4%", "98", "2.4"] },
  { id = "odd", model = "a|b<c>&*d*", cells = ["a|b<c>&*d*", "30M", "81%", "110", "5"] },
]

[[table]]
id = "backbones-transformer"
title = "Transformers"
columns = [
  { header = "Backbone" },
  { header = "Top-1", figure = "top1", unit = "fraction", case = {} },
]
case = { image_size = 224, batch_size = 1 }
row = [{ id = "large", model = "大模型", cells = ["大模型", "84.5%"] }]

[[table]]
id = "inference-by-device"
title = "Inference Speed"
hardware = "V100"
columns = [
  { header = "Backbone" },
  { header = "V100 (ms)", figure = "latency_v100", unit = "s", reads = "ms", case = {} },
  { header = "CPU (ms)", figure = "latency_cpu", unit = "s", reads = "ms", case = {}, hardware = "CPU" },
]
case = { image_size = 224, batch_size = 1 }
row = [
  { id = "small", model = "small", cells = ["Small", "0.8", "8"] },
  { id = "middle", model = "middle", cells = ["Middle", "2.4", "35"] },
]

[[table]]
id = "batch-speedup"
title = "Speedup"
hardware = "V100 GPU"
columns = [
  { header = "Backbone" },
  { header = "Batch 1", figure = "latency_b1", unit = "s", case = { batch_size = 1 } },
  { header = "Batch 8", figure = "latency_b8", unit = "s", case = { batch_size = 8 } },
  { header = "Batch 32", figure = "latency_b32", unit = "s", case = { batch_size = 32 } },
  { header = "Speedup", figure = "speedup", unit = "ratio" },
]
case = { image_size = 224 }
row = [{ id = "middle", model = "middle", cells = ["Middle", "2.4 ms", "8.5 ms", "28 ms", "2.7x"] }]

[[table]]
id = "memory-by-task"
title = "Memory by task"
columns = [
  { header = "Task" },
  { header = "Typical", figure = "memory", unit = "bytes", reads = "GiB", case = {} },
  { header = "Peak", figure = "memory_peak", unit = "bytes", reads = "GiB", case = { model = "大模型" } },
]
case = { model = "middle", batch_size = 16, precision = "amp-bf16", mode = "train", image_size = 224 }
row = [{ id = "classification", cells = ["Classification", "4-8 GB", "10 GB"] }]

[[table]]
id = "memory-tips"
title = "Tips"
columns = [{ header = "Tip" }, { header = "Setting" }, { header = "Remark" }]
case = { model = "middle", image_size = 224, batch_size = 32, mode = "train" }
row = [
  { id = "batch", cases = [{}, { batch_size = 8 }], cells = ["Reduce batch size", "batch_size=8", "-"] },
  { id = "accumulation", cases = [{}, { batch_size = 8, accumulate = 4 }], cells = ["Accumulate", "grad=4", "-"] },
]

[[table]]
id = "detection-accuracy-speed"
title = "Detectors"
hardware = "V100"
columns = [
  { header = "Model" },
  { header = "mAP", figure = "map", unit = "fraction", reads = "%", case = {} },
  { header = "FPS (V100)", figure = "rate_v100", unit = "images/s", case = {} },
]
case = { task = "detection", head = "fcos", image_size = 640, batch_size = 1 }
row = [
  { id = "small", model = "small", cells = ["Small + FPN", "32.5", "45"] },
  { id = "middle", model = "middle", cells = ["Middle + FPN", "38.2", "28"] },
]

[[table]]
id = "resnet50-abn"
title = "In place"
note = "18 % less memory."
columns = [
  { header = "Model" },
  { header = "Step", figure = "step", unit = "s", case = {} },
  { header = "Max memory", figure = "memory", unit = "bytes", reads = "MiB", case = {} },
]
case = { image_size = 224, mode = "train", input = "ones", model = "middle", batch_size = 128 }
row = [
  { id = "a", case = { technique = "inplace_abn" }, cells = ["In place:", "479.64+-1.32 msecs gpu", "8888.33Mb"] },
]

[[table]]
id = "resnet50-amp"
title = "Mixed precision"
columns = [
  { header = "Model" },
  { header = "Backward", figure = "backward", unit = "s", case = {} },
]
case = { image_size = 224, mode = "train", input = "ones", model = "middle", batch_size = 256, precision = "amp-fp16" }
row = [{ id = "amp", cells = ["Middle AMP", "357.80+-1.61 msecs Backward"] }]

[[table]]
id = "use-cases"
title = "Use"
columns = [{ header = "Use Case" }, { header = "Recommended Backbone" }, { header = "Why" }]
row = [
  { id = "edge", rule = "fastest", cells = ["Edge", "mobilenet", "Fast"] },
  { id = "mobile", rule = "most-accurate-within-size", cells = ["Mobile", "efficientnet", "Small"] },
  { id = "general", rule = "balanced", cells = ["General", "resnet50", "Usual"] },
  { id = "memory", rule = "leanest", cells = ["Little memory", "efficientnet_b2", "Lean"], remark = "As a step." },
]

[[table]]
id = "by-hardware"
title = "Hardware"
columns = [
  { header = "Hardware" }, { header = "Recommended" }, { header = "Max Batch", figure = "max_batch", unit = "count" },
]
row = [
  { id = "4gb", rule = "largest-batch", cells = ["4GB GPU", "MobileNet", "16-32"] },
  { id = "16gb", rule = "largest-batch", cells = ["16GB GPU", "Any", "128+"] },
  { id = "cpu", rule = "fastest", cells = ["CPU only", "MobileNet", "1-8"] },
]

[[table]]
id = "by-accuracy"
title = "Accuracy"
columns = [{ header = "Need" }, { header = "Classification" }, { header = "Detection" }, { header = "Segmentation" }]
row = [
  { id = "max", rule = "most-accurate", cells = ["Maximum", "Swin-Base", "Swin + FPN", "Swin + DeepLab"] },
  { id = "high", rule = "accurate-front", cells = ["High", "ResNet-101", "ResNet + FPN", "ResNet + DeepLab"] },
]

[[table]]
id = "by-training-time"
title = "Time"
columns = [{ header = "Budget" }, { header = "Recommended" }, { header = "Results" }]
row = [
  { id = "1h", rule = "most-accurate-within-time", cells = ["< 1 hour", "ResNet-18", "Good"] },
  { id = "more", rule = "most-accurate-within-time", cells = ["12+ hours", "Swin", "Best"] },
]
"""
TABLES = read_tables(CATALOG, "small.toml")

CPU = Environment(
    kind="cpu",
    name="AMD EPYC, 2 cores, 1 thread",
    slug="cpu-amd-epyc-2c-t1",
    identity={"device": "cpu"},
    provenance={"torch": "2.15.0", "timm": "1.0.31", "kernel": "6.1"},
)
GPU = Environment(
    kind="cuda-nvidia-h200",
    name="NVIDIA H200",
    slug="cuda-nvidia-h200",
    identity={"device": "cuda"},
    provenance={"torch": "2.15.0", "timm": "1.0.31", "cuda": "13.0", "driver": "580.1"},
)
#: Metrics that may not be registered yet, or are of no package.
MAP = METRICS.get("box_map") or Metric("box_map", "fraction", Better.HIGHER, Scope.PORTABLE, Band())

Measured = tuple[str, str | Metric, float]


_ID = re.compile(r"(.+)-b(\d+)-(\d+)-(fp32|bf16|amp-bf16|amp-fp16)(?:-(.*))?")


def case_of(text: str, data: str = "") -> Case:
    """The case that has ``text`` for its id, but for the ``data``."""
    match = _ID.fullmatch(text)
    assert match is not None, text
    model, batch_size, size, precision, rest = match.groups()
    words = rest.split("-") if rest else []
    mode = words.pop() if words and words[-1] in ("train", "training", "backward") else "inference"
    task = words.pop() if words and words[-1] == "detection" else "classification"
    case = Case(model, int(batch_size), (int(size),) * 2, precision, task, mode, "-".join(words), data)
    assert replace(case, data="").id == text
    return case


def check(
    case: str, metric: str | Metric, value: float, *, data: str = "", test: str = "", disturbance: str = "",
    **figures: Figure,
) -> Check:  # fmt: skip
    """A check without a baseline, of the case with such an id on ``data``; three processes for a noisy metric."""
    metric = METRICS[metric] if isinstance(metric, str) else metric
    key = CheckKey(test or f"tests/test_{metric.name}.py::test_it[{case}]", metric.name)
    measured = case_of(case, data)
    made = Comparability(data=f"{data} 0123456789abcdef" if data else "")
    count = 3 if metric.noisy else 1
    measurements = tuple(
        Measurement(
            key.name, metric, measured, value, RelativeTime(math.log(value)) if metric.noisy else None,
            comparability=made, quality=Quality(disturbance), figures=figures, test=key.test, process=process,
        )
        for process in range(count)
    )  # fmt: skip
    return Check(key, metric, measured, measurements, Judgement(Verdict.NEW, value, processes=count), "folder")


def session(environment: Environment | None, measured: Sequence[Measured | Check], day: str = "2026-11-22") -> Session:
    """A session of these figures on a day."""
    checks = tuple(one if isinstance(one, Check) else check(*one) for one in measured)
    stamp = Stamp(f"{day}T08:00:00Z", "0123456789abcdef0123456789abcdef01234567")
    environments = (environment,) if environment else ()
    return Session(stamp, environments, checks, (), 60.0, 3 if environment else 0)


ODD, LARGE = "a|b<c>&*d*", "大模型"

COUNTED: tuple[Measured, ...] = (
    ("small-b32-224-fp32", "parameters", 2_542_856),
    ("middle-b32-224-fp32", "parameters", 25_557_032),
    (f"{ODD}-b32-224-fp32", "parameters", 30_000_000),
    ("small-b32-224-fp32", "parameter_bytes", 10_171_424),
    ("middle-b32-224-fp32", "parameter_bytes", 102_228_128),
    (f"{LARGE}-b1-224-fp32", "parameter_bytes", 400 * MIB),
    # Peaks of training: 100 MiB and 20 an image; 1000 MiB and 90 an image.
    ("small-b8-224-amp-bf16-train", "peak_live_memory", 260 * MIB),
    ("small-b32-224-amp-bf16-train", "peak_live_memory", 740 * MIB),
    ("middle-b16-224-amp-bf16-train", "peak_live_memory", 2440 * MIB),
    ("middle-b32-224-amp-bf16-train", "peak_live_memory", 3880 * MIB),
    ("middle-b8-224-fp32-train", "peak_live_memory", 1600 * MIB),
    ("middle-b32-224-fp32-train", "peak_live_memory", 4000 * MIB),
    ("middle-b128-224-fp32-inplace_abn+input=ones-train", "peak_live_memory", 8880 * MIB),
)
#: On the CPU a detector and the training steps are measured at reduced sizes.
CPU_SESSION = session(
    CPU,
    [
        *COUNTED,
        ("small-b1-224-fp32", "latency", 0.008),
        ("middle-b1-224-fp32", "latency", 0.040),
        (f"{ODD}-b2-64-fp32", "latency", 0.012),
        ("middle-b8-224-fp32", "latency", 0.280),
        ("fcos_small-b2-128-fp32-detection", "latency", 0.050),
        ("fcos_middle-b2-128-fp32-detection", "latency", 0.200),
        ("fcos_small-b2-128-fp32-detection", "throughput", 40.0),
        ("fcos_middle-b2-128-fp32-detection", "throughput", 10.0),
        ("middle-b2-64-fp32-inplace_abn+input=ones-train", "train_step", 0.25),
        ("small-b2-64-amp-bf16-train", "train_throughput", 2000.0),
        ("middle-b2-64-amp-bf16-train", "train_throughput", 100.0),
    ],
)
GPU_SESSION = session(
    GPU,
    [
        ("small-b32-224-fp32", "parameters", 2_542_856),
        ("small-b1-224-fp32", "latency", 0.0012),
        ("middle-b1-224-fp32", "latency", 0.0016),
        (f"{ODD}-b1-224-fp32", "latency", 0.004),
        (f"{LARGE}-b1-224-fp32", "latency", 0.002),
        ("middle-b8-224-fp32", "latency", 0.0032),
        ("middle-b32-224-fp32", "latency", 0.0064),
        ("middle-b16-224-amp-bf16-train", "peak_allocated_memory", 2500 * MIB),
        check("fcos_small-b1-640-fp32-detection", MAP, 0.301, data="coco-val", samples=5000),
        ("fcos_small-b1-640-fp32-detection", "throughput", 200.0),
        ("fcos_small-b1-640-fp32-detection", "latency", 0.005),
        ("middle-b128-224-fp32-inplace_abn+input=ones-train", "train_step", 0.1),
        ("middle-b256-224-amp-fp16-input=ones-train", "backward_time", 0.15),
        ("middle-b256-224-amp-fp16-input=ones-train", "optimizer_time", 0.004),
        check("middle-b32-224-amp-bf16-train", "train_throughput", 2500.0, disturbance="the GPU was throttled: <heat>"),
    ],
    "2026-11-23",
)
BOTH = (("cpu.json", CPU_SESSION), ("out/h200|a.json", replace(GPU_SESSION, interrupted=True)))
