"""Trains the sample models on generated scenes and writes their weights and figures: minutes on one core.

    python -m pytest_modelbench.samples.train [--task TASK] [--out DIR] [--check]

From seed: the same processor, library versions and one thread give the same files. ``--check`` trains into a temporary
folder and compares with the files that are there.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn

from pytest_modelbench.core.errors import MeasureError
from pytest_modelbench.data.batches import (
    InputFormat,
    class_batch,
    class_batches,
    map_batches,
    object_batch,
    object_batches,
)
from pytest_modelbench.data.scenes import TRAIN, scene_classes, scene_maps, scene_objects
from pytest_modelbench.measure.accuracy import classification_accuracy
from pytest_modelbench.measure.detection_accuracy import detection_accuracy
from pytest_modelbench.measure.segmentation_accuracy import segmentation_accuracy
from pytest_modelbench.models.build import BuiltModel, build
from pytest_modelbench.models.fitting import Course, Lesson, classification_loss, fit, task_loss
from pytest_modelbench.models.preprocessing import classifier_input
from pytest_modelbench.samples import FIGURES, SAMPLE_MODELS, SampleModel

_CPU = torch.device("cpu")
#: Held-out scenes are scored so many at a time.
_BATCH = 50
#: Where the backbone is, which all share: the others start from what the detector has learned.
_BACKBONES = {
    "classification": "",
    "detection": "network.backbone.pyramid.model.",
    "instance_segmentation": "network.backbone.pyramid.model.",
    "segmentation": "encoder.model.",
}


@dataclass(frozen=True, slots=True)
class _SampleTraining:
    """How the model of one task is trained and scored: scenes to learn from, the course, the lesson, the figures."""

    scenes: int
    course: Course
    backbone: str  #: the task whose trained backbone it starts from; empty: none
    lesson: Callable[[BuiltModel, int], Lesson]
    figures: Callable[[BuiltModel], dict[str, float]]


def train(sample: SampleModel, folder: Path) -> dict[str, Any]:
    """Figures of the model trained from seed, whose weights are written into ``folder`` as float16.

    Half the digits do for accuracy, and are half the bytes; the figures are those of the weights in the file. Raises
    MeasureError where they are below what the sample is to reach.
    """
    task = _TASKS[sample.task]
    model = build(sample.model, device=_CPU, batch_size=_BATCH, **sample.arguments)
    if task.backbone:
        _start(model.module, sample.task, folder / SAMPLE_MODELS[task.backbone].checkpoint.name, task.backbone)
    fitted = fit(lambda: model.module, task.lesson(model, task.scenes), task.course, _CPU)
    path = folder / sample.checkpoint.name
    safetensors.torch.save_file(_halved(fitted.module), path)
    path.chmod(0o644)  # it is written for its owner alone
    loaded = build(sample.model, device=_CPU, batch_size=_BATCH, checkpoint=path, **sample.arguments)
    figures = task.figures(loaded)
    if figures[sample.figure] < sample.at_least:
        raise MeasureError(
            f"{sample.task}: {sample.figure} is {figures[sample.figure]:.4f} on held-out scenes, less than "
            f"{sample.at_least}; {path} is not fit to be shipped: change its course"
        )
    return {
        **figures,
        "parameters": sum(parameter.numel() for parameter in fitted.module.parameters()),
        "bytes": path.stat().st_size,
        "steps": len(fitted.losses),
    }


def _start(module: nn.Module, task: str, path: Path, other: str) -> None:
    """Give ``module`` the backbone of the ``other`` task's trained model at ``path``."""
    found = safetensors.torch.load_file(path if path.is_file() else SAMPLE_MODELS[other].checkpoint)
    state = module.state_dict()
    mine, theirs = _BACKBONES[task], _BACKBONES[other]
    same = {name: theirs + name.removeprefix(mine) for name in state if name.startswith(mine)}
    module.load_state_dict({**state, **{name: found[its] for name, its in same.items() if its in found}})


def _halved(module: nn.Module) -> dict[str, Tensor]:
    return {
        name: (tensor.half() if tensor.is_floating_point() else tensor).contiguous()
        for name, tensor in module.state_dict().items()
    }


def _class_lesson(model: BuiltModel, scenes: int) -> Lesson:
    data, takes = scene_classes(scenes, TRAIN), classifier_input(model)
    return Lesson(scenes, lambda indices: class_batch(data, torch.tensor(indices), takes), classification_loss)


def _class_figures(model: BuiltModel) -> dict[str, float]:
    data = scene_classes()
    found = classification_accuracy(
        model.predict, class_batches(data, classifier_input(model), _BATCH), data.num_classes, (1,)
    )
    return {"top1": found.top[1]}


def _object_lesson(model: BuiltModel, scenes: int) -> Lesson:
    data, takes = scene_objects(scenes, TRAIN), InputFormat(model.image_size)
    return Lesson(scenes, lambda indices: object_batch(data, indices, takes), task_loss)


def _object_figures(model: BuiltModel) -> dict[str, float]:
    data, masks = scene_objects(), model.case.task == "instance_segmentation"
    batches = object_batches(data, InputFormat(model.image_size), _BATCH)
    found = detection_accuracy(model.predict, batches, len(data.classes), masks=masks)
    figures: dict[str, float] = {}
    for kind, precision in (("box", found.box), ("mask", found.mask)):
        if precision is not None:
            figures |= {f"{kind}_{name}": getattr(precision, name) for name in ("map", "map50", "map75")}
    return figures


def _map_lesson(model: BuiltModel, scenes: int) -> Lesson:
    data, takes = scene_maps(scenes, TRAIN), InputFormat(model.image_size)

    def batch(indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        pairs = [data.read(index) for index in indices]
        images = torch.stack([image for image, _ in pairs]).float() / 255
        return takes.normalized(images), torch.stack([found for _, found in pairs])

    return Lesson(scenes, batch, task_loss)


def _map_figures(model: BuiltModel) -> dict[str, float]:
    data = scene_maps()
    found = segmentation_accuracy(
        model.predict, map_batches(data, InputFormat(model.image_size), _BATCH), len(data.classes)
    )
    return {"miou": found.miou, "pixel_accuracy": found.pixel_accuracy}


_TASKS: Mapping[str, _SampleTraining] = {
    "classification": _SampleTraining(
        1600, Course(epochs=5, batch_size=32, lr=3e-3), "detection", _class_lesson, _class_figures
    ),
    "detection": _SampleTraining(800, Course(epochs=15, batch_size=16, lr=2e-3), "", _object_lesson, _object_figures),
    "instance_segmentation": _SampleTraining(
        960, Course(epochs=20, batch_size=8, lr=1.5e-3), "detection", _object_lesson, _object_figures
    ),
    "segmentation": _SampleTraining(
        800, Course(epochs=9, batch_size=16, lr=3e-3), "detection", _map_lesson, _map_figures
    ),
}


def _same_files(one: Path, other: Path) -> bool:
    """Whether both hold the same tensors to the last bit."""
    first, second = safetensors.torch.load_file(one), safetensors.torch.load_file(other)
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0, or 1 where ``--check`` finds other weights or figures than those in the package."""
    parser = argparse.ArgumentParser(prog="python -m pytest_modelbench.samples.train", description=__doc__)
    parser.add_argument("--task", choices=list(SAMPLE_MODELS), action="append", help="Only this one; may be repeated.")
    parser.add_argument("--out", type=Path, default=FIGURES.parent, metavar="DIR", help="Default: the package itself.")
    parser.add_argument("--check", action="store_true", help="Compare with the files there, and leave them alone.")
    options = parser.parse_args(arguments)
    # Sums are split by thread: other numbers of threads give other last digits, and other weights.
    torch.set_num_threads(1)
    tasks = sorted(options.task or SAMPLE_MODELS, key=lambda task: bool(_TASKS[task].backbone))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) if options.check else options.out
        folder.mkdir(parents=True, exist_ok=True)
        models = {task: _trained(task, folder) for task in tasks}
        if options.check:
            return _checked(models, folder, options.out)
    _write(models, options.out / FIGURES.name)
    return 0


def _trained(task: str, folder: Path) -> dict[str, Any]:
    start = time.process_time()
    figures = train(SAMPLE_MODELS[task], folder)
    print(f"{task}: {figures} in {time.process_time() - start:.0f} s of processor time", flush=True)
    return figures


def _checked(models: Mapping[str, Mapping[str, Any]], folder: Path, out: Path) -> int:
    stored = json.loads((out / FIGURES.name).read_text(encoding="utf-8"))["models"]
    differing = []
    for task, figures in models.items():
        name = SAMPLE_MODELS[task].checkpoint.name
        if not _same_files(folder / name, out / name) or figures != stored[task]:
            differing.append(task)
    print(f"other than the files in {out}: {', '.join(differing)}" if differing else f"the same as the files in {out}")
    return 1 if differing else 0


def _write(models: Mapping[str, Mapping[str, Any]], path: Path) -> None:
    document: dict[str, Any] = {"models": {}}
    if path.is_file():
        document = json.loads(path.read_text(encoding="utf-8"))
    known = {**document["models"], **models}
    document = {
        "data": {
            "classification": scene_classes().fingerprint,
            "objects": scene_objects().fingerprint,
            "label maps": scene_maps().fingerprint,
        },
        "models": {task: known[task] for task in SAMPLE_MODELS if task in known},
        "torch": torch.__version__.partition("+")[0],
    }
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
