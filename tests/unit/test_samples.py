"""The sample models: small, trained, as good as they are said to be, and the same when they are trained again."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import pytest
import safetensors.torch
import torch

from pytest_modelbench import samples
from pytest_modelbench.core.errors import BuildError, MeasureError, UsageError
from pytest_modelbench.data.scenes import scene_classes, scene_maps, scene_objects
from pytest_modelbench.samples import SAMPLE_MODELS, sample_checkpoint, sample_figures, sample_model

TASKS = list(SAMPLE_MODELS)
EXTRAS = {"segmentation": "segmentation_models_pytorch", "detection": "pycocotools"}
EXTRAS["instance_segmentation"] = "pycocotools"


@pytest.mark.parametrize("task", TASKS)
def test_figures_are_as_good_as_wanted(task):
    sample = sample_model(task)
    assert sample_figures()[task][sample.figure] >= sample.at_least


@pytest.mark.slow
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
@pytest.mark.parametrize(
    "task", [pytest.param(one, marks=pytest.mark.long) if one == "instance_segmentation" else one for one in TASKS]
)
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


@pytest.fixture
def short(monkeypatch):
    """Trainings of two steps, which nothing is expected of."""
    from pytest_modelbench.samples import train

    for task in ("classification", "detection"):
        course = replace(train._TASKS[task].course, epochs=1, batch_size=8)
        monkeypatch.setitem(train._TASKS, task, replace(train._TASKS[task], scenes=16, course=course))
        monkeypatch.setitem(train.SAMPLE_MODELS, task, replace(train.SAMPLE_MODELS[task], at_least=0.0))
    threads = torch.get_num_threads()
    yield train
    torch.set_num_threads(threads)


@pytest.mark.long
def test_training_again_gives_the_same_files(short, tmp_path, capsys):
    arguments = ["--task", "classification", "--out", str(tmp_path)]
    assert short.main(arguments) == 0
    assert set(json.loads((tmp_path / "figures.json").read_text())["models"]) == {"classification"}
    assert short.main([*arguments, "--check"]) == 0
    path = tmp_path / "classification.safetensors"
    weights = safetensors.torch.load_file(path)
    assert {tensor.dtype for tensor in weights.values()} == {torch.float16, torch.int64}
    weights["fc.bias"][0] += 1
    safetensors.torch.save_file(weights, path)
    assert short.main([*arguments, "--check"]) == 1
    assert f"other than the files in {tmp_path}: classification" in capsys.readouterr().out


@pytest.mark.slow
def test_model_that_is_not_good_enough_is_not_to_be_shipped(short, monkeypatch, tmp_path):
    wanted = replace(SAMPLE_MODELS["classification"], at_least=1.01)
    with pytest.raises(MeasureError, match=r"top1 is 0.\d+ on held-out scenes, less than 1.01"):
        short.train(wanted, tmp_path)


@pytest.mark.slow
def test_segmentation_starts_from_the_detectors_backbone(tmp_path):
    pytest.importorskip("segmentation_models_pytorch")
    from pytest_modelbench.models.build import build
    from pytest_modelbench.samples import train

    def module(task):
        sample = SAMPLE_MODELS[task]
        return build(sample.model, device=torch.device("cpu"), **sample.arguments).module

    detector, segmenter = module("detection"), module("segmentation")
    path = tmp_path / "detection.safetensors"
    with torch.no_grad():
        detector.network.backbone.pyramid.model.conv1[0].weight.fill_(0.25)
    safetensors.torch.save_file(detector.state_dict(), path)
    decoder = segmenter.decoder.aspp[0].project[0].weight.clone()
    train._start(segmenter, "segmentation", path, "detection")
    for name, tensor in detector.network.backbone.pyramid.model.state_dict().items():
        assert torch.equal(segmenter.encoder.model.state_dict()[name], tensor)
    assert torch.equal(segmenter.decoder.aspp[0].project[0].weight, decoder)


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
