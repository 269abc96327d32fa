"""What every trial writes beside its figures: when, where, under what load, with which versions."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
ROOT = Path(__file__).parents[2]
#: Small models of several kinds, and their image sizes: 5 to 40 ms a forward pass on one core.
SMALL_MODELS = {
    "resnet18": 160,
    "mobilenetv3_small_100": 224,
    "efficientnet_b0": 160,
    "vit_tiny_patch16_224": 224,
    "convnext_atto": 160,
    "resnet50": 128,
}


@contextlib.contextmanager
def competitors(sources: Sequence[str], settle_s: float = 0.0) -> Iterator[None]:
    """Other processes that run these programs, on the cores of this one, and that have so long to begin."""
    running = [subprocess.Popen([sys.executable, "-c", source]) for source in sources]
    time.sleep(settle_s if running else 0)
    try:
        yield
    finally:
        for one in running:
            one.kill()
            one.wait()


def describe() -> dict[str, object]:
    """Machine, load and versions now."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    fields = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    packages = ("pytest", "pytest-benchmark", "torch", "timm", "torchmetrics", "pytest-modelbench")
    return {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "cpu": fields.get("model name") or platform.processor(),
        # Hypervisors give processors that have little in common one name.
        "cpu_family": fields.get("cpu family"),
        "cpu_model": fields.get("model"),
        "cores": os.cpu_count(),
        "load_before": os.getloadavg(),
        "python": platform.python_version(),
        "versions": {package: metadata.version(package) for package in packages},
    }


def slug(machine: dict[str, object], name: str = "") -> str:
    """What the files of one machine, and of one series on it, are called by."""
    return re.sub(r"[^a-z0-9]+", "-", f"{machine['cpu']}-{machine['cores']}c {name}".lower()).strip("-")


def in_processes(script: str, name: str, processes: int) -> None:
    """``results/<name>.jsonl``: the machine, then what each of so many runs of ``script child`` prints; resumes."""
    path = RESULTS / f"{name}.jsonl"
    lines = path.read_text().splitlines() if path.exists() else [json.dumps({"machine": describe()})]
    while len(lines) <= processes:
        ran = subprocess.run([sys.executable, script, "child"], stdout=subprocess.PIPE, text=True, check=True)
        lines.append(ran.stdout.strip())
        path.write_text("\n".join(lines) + "\n")
        print(len(lines) - 1, flush=True)


def write(name: str, machine: dict[str, object], figures: object) -> None:
    """``results/<name>.json``, and the figures on the terminal."""
    RESULTS.mkdir(exist_ok=True)
    machine["load_after"] = os.getloadavg()
    text = json.dumps({"machine": machine, "figures": figures}, indent=1)
    (RESULTS / f"{name}.json").write_text(text + "\n")
    print(json.dumps(figures, indent=1), file=sys.stderr)
