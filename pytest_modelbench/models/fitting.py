"""Short trainings from seed: how the loss falls, and how soon and how far a model learns what it is shown."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from pytest_modelbench.core.errors import MeasureError, UsageError, did_you_mean, hide_own_frames
from pytest_modelbench.data.batches import InputFormat, class_batch, class_batches
from pytest_modelbench.data.datasets import ClassData
from pytest_modelbench.data.draws import Draws
from pytest_modelbench.models.outputs import floating_tensors, moved
from pytest_modelbench.models.precision import forward_modes
from pytest_modelbench.models.seeds import seeded

__tracebackhide__ = hide_own_frames


@dataclass(frozen=True, slots=True)
class Budget:
    """How long a training may be: passes over the data, and seconds after which it has failed."""

    epochs: int
    limit_s: float


#: By name. The guide trains CIFAR for 50 epochs and recommends models by the hours that one has: these are its rows.
BUDGETS: Mapping[str, Budget] = {
    "sample": Budget(6, 120.0),
    "1h": Budget(50, 3600.0),
    "4h": Budget(50, 4 * 3600.0),
    "12h": Budget(50, 12 * 3600.0),
    "12h+": Budget(50, math.inf),
}


@dataclass(frozen=True, slots=True)
class Course:
    """How a model is trained: with what is learned and the model itself, this decides every number.

    AdamW; the learning rate rises over the first tenth of the steps and falls to nothing along a cosine.
    """

    epochs: int
    batch_size: int = 32
    lr: float = 3e-3
    weight_decay: float = 0.01
    seed: int = 0
    precision: str = "fp32"
    limit_s: float = math.inf

    def __post_init__(self) -> None:
        for what, number in (("epochs", self.epochs), ("batch_size", self.batch_size), ("lr", self.lr)):
            if not number > 0:
                raise UsageError(f"{what}={number!r}: a training needs a positive number")
        if self.precision not in ("fp32", "amp-bf16", "amp-fp16"):
            raise UsageError(
                f"precision={self.precision!r}: weights of so few digits do not learn; train in fp32, or with amp"
            )


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a model is to learn: ``count`` samples, and how well it knows others.

    ``batch(indices)`` makes images ``(N, 3, H, W)`` and targets on the CPU; ``loss(module, images, targets)`` is one
    number to go down, of a module in train mode; ``score(module)``, of a module in eval mode, a fraction to go up.
    """

    count: int
    batch: Callable[[Sequence[int]], tuple[Tensor, Any]]
    loss: Callable[[nn.Module, Tensor, Any], Tensor]
    score: Callable[[nn.Module], float] | None = None


@dataclass(frozen=True, slots=True)
class Fit:
    """A trained module, in eval mode, and how it went.

    ``losses``: by step; ``scores``: pairs of steps and score, after each epoch; ``seconds``: of training alone, without
    scoring; ``steps_to_target`` and ``seconds_to_target``: until a score first reached the target, None if none did or
    there was no target.
    """

    module: nn.Module
    losses: tuple[float, ...]
    scores: tuple[tuple[int, float], ...]
    seconds: float
    steps_to_target: int | None = None
    seconds_to_target: float | None = None

    def smoothed_loss(self, step: int) -> float:
        """Mean loss of a tenth of all steps, up to and with ``step`` (from 1): single ones depend on the batch."""
        width = max(1, len(self.losses) // 10)
        part = self.losses[max(0, step - width) : step]
        return sum(part) / len(part)


def budget_named(budget: str | Budget) -> Budget:
    """One of `BUDGETS`, or what was given; raises UsageError for a name that is not known."""
    if isinstance(budget, Budget):
        return budget
    if budget not in BUDGETS:
        near = did_you_mean(budget, BUDGETS) if isinstance(budget, str) else ""
        raise UsageError(f"budget={budget!r}: there are {', '.join(BUDGETS)}.{near}")
    return BUDGETS[budget]


def task_loss(module: nn.Module, images: Tensor, targets: Any) -> Tensor:
    """Sum of the losses that a module returns, as detectors and segmentation models do in train mode."""
    losses = module(images, targets)
    return torch.stack([loss.float() for loss in losses.values()]).sum()


def classification_loss(module: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """Mean cross entropy of the logits; of all of them where there are heads beside the last one, as in GoogLeNet."""
    return torch.stack([cross_entropy(logits.float(), labels) for logits in _logits(module(images))]).mean()


def _logits(output: object) -> list[Tensor]:
    """What in ``output`` are logits, ``(N, classes)``: the tensor itself, or those in a tuple or mapping, in order."""
    found = [tensor for _, tensor in floating_tensors(output) if tensor.ndim == 2]
    if not found:
        raise MeasureError(
            f"a classifier that is trained to a target returns logits of shape (N, classes), and this one returns "
            f"{type(output).__name__} without any; wrap the model so that it returns them"
        )
    return found


def classification_lesson(
    train: ClassData, held_out: ClassData, takes: InputFormat, device: torch.device, batch_size: int = 64
) -> Lesson:
    """Classes, scored by the fraction of ``held_out`` that is told right."""

    def score(module: nn.Module) -> float:
        right = 0
        for images, labels in class_batches(held_out, takes, batch_size):
            right += int((_logits(module(images.to(device)))[0].argmax(dim=1).cpu() == labels).sum())
        return right / len(held_out)

    def batch(indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        return class_batch(train, torch.tensor(indices), takes)

    return Lesson(len(train), batch, classification_loss, score)


def fit(
    make_module: Callable[[], nn.Module],
    lesson: Lesson,
    course: Course,
    device: torch.device,
    *,
    target: float | None = None,
) -> Fit:
    """The module trained, from seed: on the CPU the same numbers for the same number of threads and the same processor.

    Seeds, algorithms and random state are as before afterwards. ``target`` only watches: training goes on to its end.
    Raises MeasureError, naming the step, for a loss that is not finite, and where the time is over before the end.
    """
    if course.batch_size > lesson.count:
        raise UsageError(f"batch_size={course.batch_size} with {lesson.count} samples to learn from; make it smaller")
    with _reproducible(course.seed, device):
        module = make_module().to(device)
        return _Training(module, lesson, course, device, target).run()


@dataclass(slots=True)
class _Training:
    module: nn.Module
    lesson: Lesson
    course: Course
    device: torch.device
    target: float | None
    losses: list[float] = field(default_factory=list)
    scores: list[tuple[int, float]] = field(default_factory=list)
    seconds: float = 0.0
    reached: tuple[int, float] | None = None

    def run(self) -> Fit:
        module, course = self.module, self.course
        # The last, smaller batch of an epoch is left out: batch normalization may not like it.
        per_epoch = self.lesson.count // course.batch_size
        total = course.epochs * per_epoch
        optimizer = torch.optim.AdamW(module.parameters(), lr=course.lr, weight_decay=course.weight_decay)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _share_of_rate(step, total))
        scaler = torch.amp.GradScaler(self.device.type, enabled=course.precision == "amp-fp16")
        draws = Draws(f"fit 1/{course.seed}")
        for _ in range(course.epochs):
            order = draws.order(self.lesson.count)
            module.train()
            start = time.perf_counter()
            for first in range(0, per_epoch * course.batch_size, course.batch_size):
                self._step(order[first : first + course.batch_size], optimizer, scaler)
                schedule.step()
                # Every step waits for the device, in reading its loss: the clock may be read.
                if self.seconds + time.perf_counter() - start > course.limit_s:
                    raise MeasureError(
                        f"training is not over after {course.limit_s:g} s: {len(self.losses)} of {total} steps are "
                        "done; give it a larger budget, or train a smaller model"
                    )
            self.seconds += time.perf_counter() - start
            self._score()
        module.eval()
        steps, seconds = self.reached or (None, None)
        return Fit(module, tuple(self.losses), tuple(self.scores), self.seconds, steps, seconds)

    def _step(self, indices: Sequence[int], optimizer: torch.optim.Optimizer, scaler: torch.amp.GradScaler) -> None:
        images, targets = self.lesson.batch(indices)
        with forward_modes(self.course.precision, self.device):
            loss = self.lesson.loss(self.module, images.to(self.device), moved(targets, self.device))
        value = loss.item()
        if not math.isfinite(value):
            raise MeasureError(
                f"training: the loss of step {len(self.losses) + 1} is {value}; try a lower lr (it is "
                f"{self.course.lr:g}), another precision, or look at the data of that step"
            )
        optimizer.zero_grad(set_to_none=True)
        scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        scaler.step(optimizer)
        scaler.update()
        self.losses.append(value)

    def _score(self) -> None:
        if self.lesson.score is None:
            return
        self.module.eval()
        with torch.inference_mode(), forward_modes(self.course.precision, self.device):
            score = self.lesson.score(self.module)
        self.scores.append((len(self.losses), score))
        if self.target is not None and self.reached is None and score >= self.target:
            self.reached = len(self.losses), self.seconds


def _share_of_rate(step: int, total: int) -> float:
    """Share of the learning rate in the step, counted from 0."""
    rise = max(1, total // 10)
    if step < rise:
        return (step + 1) / rise
    return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, total - rise)))


@contextmanager
def _reproducible(seed: int, device: torch.device) -> Iterator[None]:
    """Random state from ``seed`` and deterministic algorithms inside, all as it was afterwards.

    On accelerators some operations have no deterministic algorithm, and then only warn.
    """
    enabled = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    deterministic: Any = torch.utils.deterministic  # its stubs lack the switch
    fill = deterministic.fill_uninitialized_memory
    with seeded(seed, device):
        try:
            torch.use_deterministic_algorithms(True, warn_only=device.type != "cpu")
            # It finds use of memory that was never written, and costs a pass over each fresh tensor.
            deterministic.fill_uninitialized_memory = False
            with torch.inference_mode(False), torch.enable_grad():
                yield
        finally:
            deterministic.fill_uninitialized_memory = fill
            torch.use_deterministic_algorithms(enabled, warn_only=warn_only)
