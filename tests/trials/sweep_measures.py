"""One subject of the sweep measured: what the tool says of it, what others say, and what the tool leaves behind."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import torch
from sweep_left_alone import Told, told_of
from sweep_macs import counted, traced
from sweep_models import BATCH, Subject, loss_of, tensors_in
from sweep_peaks import attention_taken_apart, profiled_peak, tracked_peak
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.parameter import is_lazy
from torch.utils._pytree import tree_leaves

from pytest_modelbench.bench.peak import pass_peak, step_peak
from pytest_modelbench.core.train_options import TrainOptions
from pytest_modelbench.models.build import build

CPU = torch.device("cpu")
#: Figures that differ by no more agree.
WITHIN = 0.005
#: Kinds of passes, and what the tool's peak of each is recorded as.
PEAKS = {"forward": "forward", "backward": "backward", "step": "step_train_peak_live_memory"}
Record = dict[str, Any]


def measure(subject: Subject) -> Record:
    """All figures of ``subject``, and what was raised in the place of one."""
    told = told_of(build(device=CPU, **subject.build_arguments))
    record: Record = {"name": subject.name, "family": subject.family, "size": subject.size}
    record |= {"errors": told.raised, "changed": told.changed, "followed": {}}
    for what, figure in told.figures.items():
        if figure.comparability.recipe.startswith("cpu"):
            record["followed"][what] = "cpu"
    with _noting(record, "counting"):
        record |= _costs(subject, told)
    with _noting(record, "fvcore"):
        record["macs_fvcore"] = traced(_fresh(subject), subject.images())
    for kind, name in PEAKS.items():
        if name in told.figures:
            with _noting(record, f"{kind} on the CPU"):
                record[kind] = peaks = _peaks(subject, kind, int(told.figures[name].value))
                if _far(peaks["product"], peaks["tracker"]) or _far(peaks["product"], peaks["apart"]):
                    with attention_taken_apart():
                        record[f"{kind}_plain"] = _peaks(subject, kind, _predicted(subject, kind))
    return record


class _noting:  # noqa: N801
    """What is raised inside becomes the record's error for ``what``, and the rest goes on."""

    def __init__(self, record: Record, what: str) -> None:
        self._errors, self._what = record["errors"], what

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> bool:
        if isinstance(error, Exception):
            self._errors[self._what] = f"{type(error).__name__}: {error}"[:400]
        return isinstance(error, Exception)


def _far(one: int, other: int) -> bool:
    return abs(one - other) > WITHIN * max(one, other)


def _costs(subject: Subject, told: Told) -> Record:
    """The tool's counts of parameters and multiply-accumulates, and those of the module itself."""
    module = _fresh(subject)
    macs = counted(module, subject.images())
    weights = [*module.parameters(), *_packed(module)]
    return {
        "parameters": [int(told.figures["parameters"].value), sum(one.numel() for one in weights)],
        "macs": [int(told.figures["macs"].value), sum(macs.values())],
        "macs_by_operator": {name.removeprefix("aten::"): number for name, number in macs.items()},
    }


def _peaks(subject: Subject, kind: str, predicted_bytes: int) -> Record:
    """Peaks of one kind of pass: as the tool predicts it, and on the CPU by its tracker and by the profiler."""
    run = CpuRun(subject, kind)
    run.prepare()
    tracked_bytes, operators = tracked_peak(run, run.held())
    run = CpuRun(subject, kind)
    allocated = profiled_peak(run.prepare, run, run.held(), operators)
    return {
        "product": predicted_bytes,
        "tracker": tracked_bytes,
        "profiler": allocated.peak_bytes,
        "apart": allocated.apart_bytes,
        "kernel": allocated.kernel.removeprefix("aten::"),
    }


def _predicted(subject: Subject, kind: str) -> int:
    """The tool's peak once more, without its fixtures."""
    built = build(device=CPU, **subject.build_arguments)
    if kind == "step":
        return step_peak(built, TrainOptions()).live.peak_bytes

    return pass_peak(built, backward=kind == "backward").live.peak_bytes


def _packed(module: nn.Module) -> list[Tensor]:
    """Weights and biases that quantized layers keep packed, as they give them themselves."""
    layers = [part for part in module.modules() if callable(getattr(part, "weight", None)) and hasattr(part, "scale")]
    return [one for layer in layers for one in (layer.weight(), layer.bias()) if one is not None]


class CpuRun:
    """One pass of a subject on the CPU, written plainly and without the tool; ``forward``, ``backward`` or ``step``.

    ``forward``: in eval mode without gradients. ``backward``: in train mode, to the sum of all outputs. ``step``: the
    second of two steps of SGD with momentum, to the cross-entropy of a classifier's logits or the sum of all means.
    """

    def __init__(self, subject: Subject, kind: str) -> None:
        self.module, self.images, self._kind = _fresh(subject), subject.images(), kind
        self._optimizer: torch.optim.Optimizer | None = None
        self._labels: Tensor | None = None
        self._loss: Tensor | None = None
        self._packed = _packed(self.module)
        if kind == "forward":
            return
        _set_mode(self.module, training=True)
        if kind == "step":
            trained = [parameter for parameter in self.module.parameters() if parameter.requires_grad]
            self._optimizer = torch.optim.SGD(trained, lr=1e-6, momentum=0.9)

    def prepare(self) -> None:
        """What comes before: the first of two steps."""
        if self._kind == "step":
            self._step()

    def __call__(self) -> None:
        if self._kind == "forward":
            with torch.no_grad():
                self.module(self.images)
        elif self._kind == "backward":
            loss_of(self.module(self.images)).backward()
        else:
            self._step()

    def held(self) -> Iterator[Tensor]:
        """What is alive before: weights, what parts keep, images; in steps gradients, momenta, labels, loss."""
        yield from self.module.parameters()
        yield from self.module.buffers()
        yield from self._packed
        for part in self.module.modules():
            kept = tree_leaves([value for name, value in vars(part).items() if not name.startswith("_")])
            yield from (leaf for leaf in kept if isinstance(leaf, Tensor))
        yield self.images
        if self._optimizer is not None:
            for parameter in self.module.parameters():
                if parameter.grad is not None:
                    yield parameter.grad
            kept = tree_leaves([list(self._optimizer.state.values()), self._labels, self._loss])
            yield from (leaf for leaf in kept if isinstance(leaf, Tensor))

    def _step(self) -> None:
        self._loss = None
        loss = self._training_loss(self.module(self.images))
        self._optimizer.zero_grad(set_to_none=True)
        self._loss = loss.detach()
        loss.backward()
        self._optimizer.step()

    def _training_loss(self, output: object) -> Tensor:
        if isinstance(output, Tensor) and output.ndim == 2 and output.is_floating_point():
            if self._labels is None:
                self._labels = torch.arange(BATCH) % output.shape[1]
            return functional.cross_entropy(output, self._labels)
        return _mean_of(output)


def _mean_of(output: object) -> Tensor:
    return torch.stack([tensor.float().sum() * (1 / tensor.numel()) for tensor in tensors_in(output)]).sum()


_MADE: dict[str, nn.Module] = {}


def _fresh(subject: Subject) -> nn.Module:
    """The module without the tool, in eval mode, as it is before its first pass."""
    module = _copy(subject) if "copied" in subject.traits else _made(subject)
    _set_mode(module, training=False)
    if any(map(is_lazy, module.parameters())):
        with torch.no_grad():
            module(subject.images())
    return module


def _made(subject: Subject) -> nn.Module:
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        return subject.make()


def _copy(subject: Subject) -> nn.Module:
    # timm's take seconds to fill with numbers.
    if subject.name not in _MADE:
        _MADE[subject.name] = _made(subject)
    return copy.deepcopy(_MADE[subject.name])


def _set_mode(module: nn.Module, *, training: bool) -> None:
    with suppress(NotImplementedError):  # an exported program is of one mode
        module.train(training)
