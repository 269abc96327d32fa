"""What the tool's measures tell of a model, and what they change in it: nothing, it is hoped."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any
from unittest.mock import patch

import torch
from sweep_models import tensors_in
from torch import Tensor

from pytest_modelbench.bench.modelbench import ModelBench
from pytest_modelbench.bench.process import Bench
from pytest_modelbench.bench.reach import Reached
from pytest_modelbench.bench.train_step import StepPlan, train_step
from pytest_modelbench.core.environment import Environment
from pytest_modelbench.core.measurement import Measurement
from pytest_modelbench.core.settings import Settings
from pytest_modelbench.measure.plan import SamplingPlan
from pytest_modelbench.models.built import BuiltModel

#: Few calls, two places in memory: what times there are is of no interest.
TINY = SamplingPlan(
    min_sample_s=1e-4, target_s=0, min_blocks=2, max_blocks=2, more_blocks=0, min_warmup=1, max_warmup=1, warmup_s=0,
    rewarm_below_s=0, repeat_budget=0,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Told:
    """What the tool's measures told of a model, by `ModelBench`, and what they changed in it."""

    figures: dict[str, Measurement]  #: by name, as they were recorded
    raised: dict[str, str]  #: by measure
    changed: dict[str, list[str]]  #: by measure: weights, buffers, inputs, modes, gradients, the output


def told_of(model: BuiltModel) -> Told:
    """Take six measures of ``model``, which is looked at before and after each."""
    figures: dict[str, Measurement] = {}
    environment = Environment("cpu", "a CPU", "cpu", {}, {})
    bench = Bench(Settings(), "cpu", environment, 1, lambda one: figures.__setitem__(one.name, one))
    modelbench = ModelBench(bench, "sweep")
    measures: dict[str, Callable[[], object]] = {
        "cost": partial(modelbench.cost, model),
        "forward": partial(modelbench.peak_memory, model, name="forward"),
        "backward": partial(modelbench.peak_memory, model, backward=True, name="backward"),
        "numerics": partial(modelbench.numerics, model),
        "latency": partial(modelbench.latency, model),
        "step": partial(
            train_step, model, bench, modelbench._record, Reached("sweep"), StepPlan(name="step", sampling=TINY)
        ),
    }
    raised: dict[str, str] = {}
    changed: dict[str, list[str]] = {}
    model.forward()  # what a model makes once
    before = _state(model)
    with patch("pytest_modelbench.measure.sampling.SamplingPlan", lambda: TINY):
        for name, take in measures.items():
            try:
                take()
            except Exception as error:
                raised[name] = f"{type(error).__name__}: {error}"[:300]
            after = _state(model)
            if different := [what for what in before if after[what] != before[what]]:
                changed[name] = different
            before = after
    return Told(figures, raised, changed)


def _state(model: BuiltModel) -> dict[str, object]:
    module = model.module
    state: dict[str, object] = {
        "weights": _digest(module.named_parameters()),
        "buffers": _digest(module.named_buffers()),
        "inputs": _digest(("", tensor) for tensor in model.inputs),
        "train modes": [part.training for part in module.modules()],
        "what takes a gradient": [parameter.requires_grad for parameter in module.parameters()],
        "gradients": [parameter.grad is not None for parameter in module.parameters()],
    }
    # Last: a pass may move what the model keeps.
    state["output"] = _digest(("", tensor) for tensor in tensors_in(model.forward()))
    return state


def _digest(named: Iterable[tuple[str, Tensor]]) -> str:
    """A hash of names, shapes and bytes."""
    found = hashlib.sha256()
    for name, tensor in named:
        plain: Any = tensor.detach()
        if plain.layout is not torch.strided:
            plain = plain.to_dense()
        if plain.is_complex():
            plain = torch.view_as_real(plain)
        found.update(f"{name} {tuple(plain.shape)} {plain.dtype}".encode())
        found.update(plain.contiguous().flatten().view(torch.uint8).numpy().tobytes() if plain.numel() else b"")
    return found.hexdigest()
