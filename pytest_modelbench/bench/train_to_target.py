"""What ``modelbench.train_to_target`` does: a short training from seed, and how soon and how far it gets."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from pytest_modelbench.bench.class_accuracy import ranks_told
from pytest_modelbench.bench.recorder import Record
from pytest_modelbench.bench.scoring import DIGITS, SCENES, Naming, check_classes
from pytest_modelbench.core.errors import DataUnavailableError, MeasureError, UsageError, hide_own_frames
from pytest_modelbench.core.measurement import Comparability, Figure, Measurement, RelativeTime
from pytest_modelbench.core.observations import hits
from pytest_modelbench.data.batches import class_batches
from pytest_modelbench.data.cifar import cifar, is_cifar
from pytest_modelbench.data.datasets import ClassData
from pytest_modelbench.data.digits import digits
from pytest_modelbench.data.scenes import TRAIN, scene_classes
from pytest_modelbench.measure.accuracy import classification_accuracy
from pytest_modelbench.models.built import BuiltModel
from pytest_modelbench.models.fitting import Budget, Course, Fit, budget_named, classification_lesson, fit
from pytest_modelbench.models.precision import forward_modes
from pytest_modelbench.models.preprocessing import classifier_input

__tracebackhide__ = hide_own_frames

#: Scenes to learn from.
_SCENES = 1600
#: Shares of a training after which its loss is recorded.
_LOSS_POINTS = (0.25, 0.5, 1.0)


@dataclass(frozen=True, slots=True)
class ShortTraining:
    """How a model is trained, and how far it is to come.

    ``target``: the fraction of held-out images told right that is to be reached on the way, None for none. Seconds to
    the target are repeated in several processes: for a training of hours ``timed`` is to be False.
    """

    target: float | None
    budget: str | Budget = "sample"
    lr: float = 3e-3
    seed: int = 0
    timed: bool = True


def record_training(
    model: BuiltModel,
    data: tuple[ClassData, ClassData],
    record: Record,
    training: ShortTraining,
    naming: Naming,
) -> Fit:
    """A copy of a timm classifier trained for a number of epochs, and what came of it, recorded.

    ``data``: images to learn from, and images held out. Recorded are the final accuracy, of more than five classes also
    top-5, and three points of the loss curve; their details hold the ``seconds`` of the whole training. Where there is
    a target, steps and seconds until it is reached are recorded as well. The band of ``naming`` is that of the final
    accuracies. Raises MeasureError if the target is not reached, when the rest is recorded, or the training not over
    within the budget.
    """
    if "compile" in model.case.technique:
        raise UsageError(f"{model.case.id}: a copy of it is trained, and torch.compile has none; build it without")
    train, held_out = data
    target = training.target
    check_classes(model, held_out.num_classes, held_out.name)
    takes, allowed = classifier_input(model), budget_named(training.budget)
    course = Course(
        allowed.epochs, model.case.batch_size, training.lr, seed=training.seed, precision=model.case.precision,
        limit_s=allowed.limit_s,
    )  # fmt: skip
    lesson = classification_lesson(train, held_out, takes, model.device)
    fitted = fit(lambda: copy.deepcopy(model.module), lesson, course, model.device, target=target)
    case = replace(model.case, mode="training", data=train.name)
    prefix = f"{naming.name}_" if naming.name else ""
    made = Comparability(
        data=f"{train.name} {train.fingerprint} {held_out.fingerprint}",
        recipe=f"lr={course.lr:g} epochs={course.epochs} seed={course.seed}",
    )
    figures: dict[str, Figure] = {"steps": len(fitted.losses), "target": target, "seconds": fitted.seconds}
    accuracy = classification_accuracy(
        _predictor(model, fitted), class_batches(held_out, takes, model.case.batch_size), held_out.num_classes,
        top_k=ranks_told(held_out.num_classes),
    )  # fmt: skip
    for k, fraction in accuracy.top.items():
        metric = "final_accuracy" if k == 1 else f"final_top{k}"
        told = {**figures, "samples": accuracy.samples}
        one = Measurement.of(metric, fraction, case, prefix + metric, comparability=made, figures=told)
        record(replace(one, observations=hits(accuracy.hits[k])), naming.band)
    for step in sorted({max(1, round(share * len(fitted.losses))) for share in _LOSS_POINTS}):
        loss, name = fitted.smoothed_loss(step), f"{prefix}loss_at_{step}"
        record(Measurement.of("training_loss", loss, case, name, comparability=made, figures=figures))
    if target is None:
        return fitted
    steps, seconds = fitted.steps_to_target, fitted.seconds_to_target
    if steps is None or seconds is None:
        best = max(score for _, score in fitted.scores)
        raise MeasureError(
            f"{model.case.id} on {train.name} reaches {best:.4f} in {len(fitted.losses)} steps, not the {target} it is "
            "to reach; give it a larger budget, another lr, or a lower target"
        )
    # Without it, a lower target would look like a faster training.
    made = replace(made, recipe=f"{made.recipe} target={target:g}")
    name = f"{prefix}steps_to_target"
    record(Measurement.of("steps_to_target", steps, case, name, comparability=made, figures=figures))
    if training.timed:
        # Seconds have no reference workload beside them: a training takes too long for that.
        one = Measurement.of(
            "time_to_target", seconds, case, f"{prefix}time_to_target", timing=RelativeTime(math.log(seconds))
        )
        record(replace(one, samples=(seconds,), comparability=made, figures=figures))
    return fitted


def _predictor(model: BuiltModel, fitted: Fit) -> Callable[[Tensor], Tensor]:
    def predict(images: Tensor) -> Tensor:
        with torch.inference_mode(), forward_modes(model.case.precision, model.device):
            found: Tensor = fitted.module(images.to(model.device))
            return found

    return predict


def class_pair(data: tuple[ClassData, ClassData] | str | Path, given: str) -> tuple[ClassData, ClassData]:
    """Images to learn from, and images held out.

    ``data``: ``"digits"``, ``"scenes"``, a folder of CIFAR's, or the pair itself; by default ``given``, which is what
    --modelbench-data says.
    """
    if isinstance(data, tuple):
        return data
    if data == DIGITS:
        return digits()
    if data == SCENES:
        return scene_classes(_SCENES, TRAIN), scene_classes()
    if data or (given and is_cifar(given)):
        return cifar(data or given)
    raise DataUnavailableError("nothing to train on: give the folder of CIFAR-10 or -100 with --modelbench-data DIR")
