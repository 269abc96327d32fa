"""Devices that time on paper is known for: rates fitted to published timings, and cards that are scaled from those.

Rates are fitted by `tests/trials/prediction.py` to timings that timm publishes of 1,400 to 1,600 models a device
(github.com/huggingface/pytorch-image-models, folder results; Apache 2.0), on models that did not decide them an error
is measured.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pytest_modelbench.core.errors import UsageError, did_you_mean
from pytest_modelbench.core.roofline import OperatorKind, Rate, Rates

PATH = Path(__file__).with_name("device_rates.json")


@dataclass(frozen=True, slots=True)
class Specification:
    """What its vendor says of a card: dense FLOP/s in half precision, added up in float32, and bytes/s of its memory.

    ``like``: whose rates are scaled for it, where nobody published timings that it could be fitted to.
    """

    flops: float
    bytes_per_s: float
    like: str = ""


#: From NVIDIA's data sheets and whitepapers of each: TFLOP/s and GB/s. GeForce cards do half as many where sums are in
#: float32, as autocast's are.
SPECIFICATIONS = {
    name: Specification(tera * 1e12, giga * 1e9, like)
    for name, tera, giga, like in (
        ("rtx3090", 71.0, 936, ""), ("rtx4090", 165.2, 1008, ""), ("rtx5090", 209.5, 1792, ""),
        ("pro6000maxq", 438.9, 1792, ""), ("p100", 21.2, 732, "rtx3090"), ("v100-16", 125.0, 900, "rtx3090"),
        ("v100-32", 125.0, 900, "rtx3090"), ("t4", 65.0, 320, "rtx3090"), ("rtx2080ti", 53.8, 616, "rtx3090"),
        ("a10", 125.0, 600, "rtx3090"), ("a100-40", 312.0, 1555, "rtx3090"), ("a100-80", 312.0, 2039, "rtx3090"),
        ("rtx3060", 25.5, 360, "rtx3090"), ("rtx3070", 40.6, 448, "rtx3090"), ("rtx3080", 59.5, 760, "rtx3090"),
        ("l4", 121.0, 300, "rtx4090"), ("l40s", 362.0, 864, "rtx4090"), ("rtx4070", 58.3, 504, "rtx4090"),
        ("rtx4080", 97.5, 717, "rtx4090"), ("h100", 989.4, 3350, "pro6000maxq"),
        ("h200", 989.4, 4800, "pro6000maxq"),
    )
}  # fmt: skip
#: What people call a card that comes in several sizes of memory.
_ALSO = {"v100": "v100-16", "a100": "a100-40"}
#: Which published file is whose, in which layout of images.
_FILES = {
    ("rtx3090", False): "rtx3090-nchw", ("rtx4090", False): "rtx4090-nchw", ("rtx4090", True): "rtx4090-nhwc",
    ("rtx5090", False): "rtx5090-nchw", ("pro6000maxq", False): "pro6000maxq-nchw",
    ("i9-10940x", False): "i9_10940x-dynamo", ("i7-12700h", False): "i7_12700h-dynamo",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Error:
    """Shares that predictions were off by, of so many models that had no part in the fit: half and nine in ten."""

    models: int
    median: float
    within_90: float


@dataclass(frozen=True, slots=True)
class PaperDevice:
    """A device, its rates, how far they were off, and what they are for."""

    name: str
    rates: Rates
    error: Error
    precision: str  #: that the timings were taken in
    compiled: bool
    scaled_from: str = ""

    @property
    def is_cpu(self) -> bool:
        """Whether it is a processor; the others are GPUs."""
        return self.precision == "fp32"


def paper_devices(text: str, *, channels_last: bool = False) -> list[PaperDevice]:
    """Those that ``rtx4090,v100,t4`` names. Raises UsageError for one that there are no rates for."""
    return [_device(name.strip().lower(), channels_last) for name in text.split(",")]


def _device(name: str, channels_last: bool) -> PaperDevice:
    name = _ALSO.get(name, name)
    known = [
        *dict.fromkeys(device for device, _ in _FILES),
        *(one for one in SPECIFICATIONS if (one, False) not in _FILES),
    ]
    if name not in known:
        raise UsageError(
            f"there are no timings to predict those of {name!r} by.{did_you_mean(name, [*known, *_ALSO])} There are "
            f"{', '.join(known)}"
        )
    source = name if (name, False) in _FILES else SPECIFICATIONS[name].like
    file = _FILES.get((source, channels_last))
    if file is None:
        there = ", ".join(device for device, last in _FILES if last)
        raise UsageError(
            f"nobody published timings of {source} with channels_last that could be gone by; of {there} there are"
        )
    kept = _kept()[file]
    rates, error, scaled_from = _rates(kept), Error(**kept["error"]), ""
    if source != name:
        asked, known_by, scaled_from = SPECIFICATIONS[name], SPECIFICATIONS[source], source
        rates = rates.scaled(asked.flops / known_by.flops, asked.bytes_per_s / known_by.bytes_per_s)
        error = Error(**_kept()["scaled"]["error"])
    compiled = file.endswith("dynamo")  # as processors were timed, and GPUs were not
    return PaperDevice(name, rates, error, "fp32" if compiled else "amp-fp16", compiled, scaled_from)


@cache
def _kept() -> Mapping[str, Any]:
    kept: dict[str, Any] = json.loads(PATH.read_text())
    return kept


def _rates(kept: Mapping[str, Any]) -> Rates:
    by_kind = {OperatorKind(kind): Rate(**rate) for kind, rate in kept["by_kind"].items()}
    return Rates(by_kind, kept["bias_s_per_byte"], kept["sharpness"], kept["call_s"])
