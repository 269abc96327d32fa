"""The sample models: small, trained, as good as they are said to be, and the same when they are trained again."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import torch

from pytest_modelbench import samples
from pytest_modelbench.core.errors import BuildError, UsageError
from pytest_modelbench.models.data.scenes import scene_classes, scene_maps, scene_objects
from pytest_modelbench.samples import SAMPLE_MODELS, sample_checkpoint, sample_figures, sample_model

TASKS = list(SAMPLE_MODELS)
EXTRAS = {"segmentation": "segmentation_models_pytorch", "detection": "pycocotools"}
EXTRAS["instance_segmentation"] = "pycocotools"


@pytest.mark.parametrize("task", TASKS)
def test_figures_are_as_good_as_wanted(task):
    sample = sample_model(task)
    assert sample_figures()[task][sample.figure] >= sample.at_least


def test_figures_are_of_the_scenes_that_are_generated():
    data = json.loads(samples.FIGURES.read_text())["data"]
    assert data == {
        "classification": scene_classes().fingerprint,
        "objects": scene_objects().fingerprint,
        "label maps": scene_maps().fingerprint,
    }


def test_all_weights_together_are_small():
    sizes = {task: sample_checkpoint(task).stat().st_size for task in TASKS}
    assert sum(sizes.values()) < 8_000_000
    assert sizes == {task: sample_figures()[task]["bytes"] for task in TASKS}


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
def test_weights_reach_their_figures(task):
    pytest.importorskip(EXTRAS.get(task, "torch"))
    from pytest_modelbench.models.build import build
    from pytest_modelbench.samples.train import _TASKS

    sample = sample_model(task)
    model = build(
        sample.model, device=torch.device("cpu"), batch_size=50, checkpoint=sample_checkpoint(task), **sample.arguments
    )
    figures, stored = _TASKS[task].figures(model), sample_figures()[task]
    # Another processor may round another way at a pixel or a box.
    assert figures == {name: pytest.approx(stored[name], abs=0.005) for name in figures}
    assert sum(parameter.numel() for parameter in model.module.parameters()) == stored["parameters"]


def test_task_without_a_sample_is_refused():
    with pytest.raises(UsageError, match=r"no sample model for task 'detektion'.* Did you mean 'detection'\?"):
        sample_model("detektion")


def test_missing_weights_say_how_to_make_them(monkeypatch, tmp_path):
    monkeypatch.setattr(samples, "_FOLDER", tmp_path)
    with pytest.raises(BuildError, match=r"weights .*classification.safetensors are not there; .*samples.train"):
        sample_checkpoint("classification")


def test_building_blocks_come_without_torch():
    code = "import sys; from pytest_modelbench import samples; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
