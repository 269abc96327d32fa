"""Accuracy by task and training to a target: which records they make, of which data."""

from __future__ import annotations

import math
import pickle
from types import SimpleNamespace

import numpy
import pytest
import torch
from PIL import Image
from torch import nn

from pytest_modelbench.bench.task_accuracy import (
    class_images,
    record_class_accuracy,
    record_detection_accuracy,
    record_segmentation_accuracy,
)
from pytest_modelbench.bench.train_to_target import record_training
from pytest_modelbench.core.errors import DataUnavailableError, MeasureError, UsageError
from pytest_modelbench.core.metrics import METRICS
from pytest_modelbench.core.observations import hits, scores
from pytest_modelbench.core.records import Record
from pytest_modelbench.core.verdicts import BaselineView, Procedure, Verdict
from pytest_modelbench.data.datasets import IGNORED, ClassData
from pytest_modelbench.data.scenes import scene_classes, scene_maps, scene_objects
from pytest_modelbench.judge.judge import judge
from pytest_modelbench.models.build import build
from pytest_modelbench.models.fitting import Budget
from pytest_modelbench.published.catalog.tables import table
from tests.benchmarks.test_seeds_training import train_on_cifar

CPU = torch.device("cpu")


class Recorder(dict):
    """What was recorded: arguments by name of the record."""

    def __call__(self, metric, value, case, name="", band=None, **more):
        assert (name or metric) not in self
        self[name or metric] = {"metric": metric, "value": value, "case": case, "band": band, **more}


class Knows(nn.Module):
    """Returns answers, one after the other, whatever it is shown."""

    def __init__(self, answers, num_classes):
        super().__init__()
        self.pretrained_cfg = {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}
        self.num_classes = num_classes
        self._answers = iter(answers)

    def forward(self, images):
        assert images.min() >= 0
        assert images.max() <= 1
        found = [next(self._answers) for _ in images]
        return found if isinstance(found[0], dict) else torch.stack(found)


def knowing(answers, num_classes, **options):
    options = {"name": "knows", "device": CPU, "batch_size": 3, "image_size": 96} | options
    return build(lambda: Knows(answers, num_classes), **options)


def one_hot(labels, num_classes):
    return torch.nn.functional.one_hot(labels, num_classes).float()


def test_classes_are_recorded_with_their_data():
    data = scene_classes(7)
    answers = one_hot(data.labels, 5)
    answers[0] = -answers[0]
    record = Recorder()
    result = record_class_accuracy(knowing(answers, 5), data, record, band="1pp")
    assert result.top == {1: 6 / 7}
    assert record["top1"] == {
        "metric": "top1", "value": 6 / 7, "case": "knows-b3-96-fp32-scenes", "band": "1pp",
        "basis": f"scenes {data.fingerprint}", "details": {"samples": 7}, "evidence": hits([False] + [True] * 6),
    }  # fmt: skip
    assert set(record) == {"top1"}


def test_top_five_is_of_more_than_five_classes():
    data = ClassData("some", torch.zeros((2, 3, 4, 4), dtype=torch.uint8), torch.tensor([0, 5]), 6, "0")
    record = Recorder()
    record_class_accuracy(knowing(-torch.eye(6)[[1, 5]], 6), data, record, name="second")
    assert {name: entry["value"] for name, entry in record.items()} == {"second_top1": 0.5, "second_top5": 0.5}


@pytest.mark.slow
def test_labelled_images_have_names(tmp_path):
    model = knowing([], 5)
    assert class_images(model, "scenes", "").fingerprint == scene_classes().fingerprint
    assert class_images(model, scene_classes(2), "").name == "scenes"
    assert class_images(model, "digits", "").num_classes == 10
    with pytest.raises(DataUnavailableError, match="give an ImageFolder tree with --modelbench-data DIR"):
        class_images(model, "", "")
    with pytest.raises(UsageError, match="does not exist"):
        class_images(model, "", str(tmp_path / "nowhere"))


@pytest.mark.parametrize("layout", ["annotations/instances_val2017.json", "SegmentationClass/1.png", "gtFine/1.png"])
def test_data_of_another_task_are_a_mistake_only_where_the_test_names_them(layout, tmp_path):
    file = tmp_path / layout
    file.parent.mkdir()
    file.touch()
    model = knowing([], 1000)
    with pytest.raises(DataUnavailableError, match="laid out as COCO, Pascal VOC or Cityscapes; give one that does"):
        class_images(model, "", str(tmp_path))
    with pytest.raises(UsageError, match="has 1 folders, and the model tells 1000 classes apart"):
        class_images(model, tmp_path, "")


def truth(data, masks):
    for index in range(len(data)):
        target = data.read(index)[1]
        found = {"boxes": target["boxes"], "labels": target["labels"], "scores": torch.ones(len(target["labels"]))}
        yield {**found, **({"masks": target["masks"]} if masks else {})}


@pytest.mark.parametrize("masks", [False, True])
def test_objects_are_recorded_with_their_data(masks):
    pytest.importorskip("pycocotools")
    data, record = scene_objects(7), Recorder()
    task = "instance_segmentation" if masks else "detection"
    result = record_detection_accuracy(knowing(truth(data, masks), 5, task=task), data, "", record)
    kinds = ["box", "mask"] if masks else ["box"]
    assert list(record) == [f"{kind}_{figure}" for kind in kinds for figure in ("map", "map50", "map75")]
    assert all(entry["value"] == 1.0 for entry in record.values())
    assert record["box_map50"] == {
        "metric": "box_map50", "value": 1.0, "case": f"knows-b3-96-fp32-{task}-scenes", "band": None,
        "basis": f"scenes {data.fingerprint}", "details": {"samples": 7, "objects": result.objects},
    }  # fmt: skip


@pytest.mark.slow
def test_scenes_are_the_held_out_ones():
    pytest.importorskip("pycocotools")
    record = Recorder()
    data = scene_objects()
    record_detection_accuracy(knowing(truth(data, False), 5, task="detection", batch_size=50), "scenes", "", record)
    assert record["box_map"]["basis"] == f"scenes {data.fingerprint}"
    assert record["box_map"]["details"]["samples"] == 200


def test_label_maps_are_recorded_with_their_data():
    data, record = scene_maps(4), Recorder()
    answers = [one_hot(data.read(index)[1], 6).permute(2, 0, 1) for index in range(4)]
    result = record_segmentation_accuracy(knowing(answers, 6, task="segmentation"), data, "", record)
    assert (result.miou, result.pixel_accuracy) == (1.0, 1.0)
    assert record["miou"] == {
        "metric": "miou", "value": 1.0, "case": "knows-b3-96-fp32-segmentation-scenes", "band": None,
        "basis": f"scenes {data.fingerprint}", "details": {"samples": 4}, "evidence": scores([1.0] * 4),
    }  # fmt: skip
    assert record["pixel_accuracy"]["evidence"] == ""


def test_data_of_another_number_of_classes_are_refused():
    with pytest.raises(UsageError, match="tells 3 classes apart, and scenes has 6; build it with num_classes=6"):
        record_segmentation_accuracy(knowing([], 3), scene_maps(1), "", Recorder())


def voc(folder):
    for name, mode, suffix in (("JPEGImages", "RGB", "jpg"), ("SegmentationClass", "L", "png")):
        (folder / name).mkdir()
        Image.new(mode, (48, 24)).save(folder / name / f"one.{suffix}")
    return folder


def test_label_maps_are_found_by_path_and_by_the_sessions_option(tmp_path):
    answer = torch.zeros(21, 96, 96)
    answer[1] = 1.0
    answer[0, :48] = 2.0  # the image fills the upper half
    for data, given in ((voc(tmp_path), ""), ("", str(tmp_path))):
        record = Recorder()
        record_segmentation_accuracy(knowing([answer], 21), data, given, record)
        assert record["miou"]["value"] == 1.0
        assert record["miou"]["case"] == "knows-b3-96-fp32-voc-val"


@pytest.mark.parametrize(
    ("measure", "kind"),
    [(record_detection_accuracy, "no COCO file"), (record_segmentation_accuracy, "no label maps")],
)
def test_path_of_the_session_that_holds_other_data_skips_and_that_of_the_test_fails(tmp_path, measure, kind):
    with pytest.raises(DataUnavailableError, match=rf"--modelbench-data=.* holds {kind}"):
        measure(knowing([], 5), "", str(tmp_path), Recorder())
    with pytest.raises(UsageError, match=rf"holds {kind}.*; pass the folder that does"):
        measure(knowing([], 5), tmp_path, "", Recorder())
    with pytest.raises(UsageError, match=r"there is no .*absent: correct the path"):
        measure(knowing([], 5), tmp_path / "absent", "", Recorder())
    with pytest.raises(DataUnavailableError, match=r"give a (file|folder) .* with --modelbench-data"):
        measure(knowing([], 5), "", "", Recorder())


def test_file_without_masks_is_refused_for_masks():
    pytest.importorskip("pycocotools")
    data = scene_objects(1)
    boxes = type(data)(data.name, data.classes, 1, data.fingerprint, data.read, has_masks=False)
    with pytest.raises(UsageError, match="scenes has boxes alone"):
        record_detection_accuracy(knowing([], 5, task="instance_segmentation"), boxes, "", Recorder())


class Tone(nn.Module):
    """A classifier by colour."""

    def __init__(self, num_classes=2):
        super().__init__()
        self.pretrained_cfg = {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)}
        self.num_classes = num_classes
        self.linear = nn.Linear(3, num_classes)

    def forward(self, images):
        return self.linear(images.mean(dim=(2, 3)))


def tones(count):
    labels = torch.arange(count) % 2
    images = (labels * 150 + torch.arange(count))[:, None, None, None].expand(-1, 3, 4, 4)
    return ClassData("tones", images.to(torch.uint8), labels, 2, f"fingerprint{count}")


def tone(**options):
    return build(Tone, **{"device": CPU, "batch_size": 4, "image_size": 4} | options)


def test_training_is_recorded_and_leaves_the_model_alone():
    model, record = tone(), Recorder()
    before = {name: tensor.clone() for name, tensor in model.module.state_dict().items()}
    fitted = record_training(
        model, (tones(40), tones(20)), "", record, target=0.9, budget=Budget(10, 60.0), lr=0.1, band="2pp"
    )
    assert list(record) == [
        "final_accuracy", "loss_at_25", "loss_at_50", "loss_at_100", "steps_to_target", "time_to_target",
    ]  # fmt: skip
    assert record["final_accuracy"]["value"] == fitted.final_score == 1.0
    assert record["final_accuracy"]["evidence"] == hits([True] * 20)
    assert record["final_accuracy"]["band"] == "2pp"
    course = "tones fingerprint40 fingerprint20 lr=0.1 epochs=10 seed=0"
    assert {entry["basis"] for name, entry in record.items() if "target" not in name} == {course}
    assert {entry["basis"] for name, entry in record.items() if "target" in name} == {f"{course} target=0.9"}
    assert record["final_accuracy"]["case"] == "Tone-b4-4-fp32-training-tones"
    assert record["steps_to_target"]["value"] == fitted.steps_to_target
    assert record["loss_at_50"]["metric"] == "training_loss"
    assert record["loss_at_50"]["value"] == sum(fitted.losses[40:50]) / 10
    assert record["time_to_target"]["level"] == math.log(fitted.seconds_to_target)
    assert all(entry["details"]["seconds"] == fitted.seconds for entry in record.values())
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.module.state_dict().items())


def test_target_that_is_not_reached_fails_and_says_how_far_it_came():
    record = Recorder()
    with pytest.raises(MeasureError, match=r"Tone-b4-4-fp32 on tones reaches \d.\d+ in 10 steps, not the 1.1 it is to"):
        record_training(tone(), (tones(40), tones(20)), "", record, target=1.1, budget=Budget(1, 60.0))
    assert list(record) == ["final_accuracy", "loss_at_2", "loss_at_5", "loss_at_10"]


def test_training_without_a_target_records_how_far_it_came():
    record = Recorder()
    record_training(tone(), (tones(40), tones(20)), "", record, target=None, budget=Budget(1, 60.0), name="short")
    assert list(record) == ["short_final_accuracy", "short_loss_at_2", "short_loss_at_5", "short_loss_at_10"]


def test_trained_top_five_is_of_more_than_five_classes():
    record = Recorder()
    data = ClassData("six", tones(12).images, torch.arange(12) % 6, 6, "0")
    record_training(tone(num_classes=6), (data, data), "", record, target=None, budget=Budget(1, 60.0), band="2pp")
    top1, top5 = record["final_accuracy"], record["final_top5"]
    assert top5["metric"] == "final_top5"
    assert (top5["case"], top5["basis"], top5["details"], top5["band"]) == (
        top1["case"], top1["basis"], top1["details"], "2pp",
    )  # fmt: skip
    # Six tones in a line, of which a linear model puts one or two last.
    assert top5["value"] > top1["value"]
    assert top5["evidence"] != top1["evidence"]


def test_what_is_reached_sooner_for_a_lower_target_is_not_compared():
    metric, basis = METRICS["steps_to_target"], []
    for target in (0.9, 0.5):
        record = Recorder()
        record_training(tone(), (tones(40), tones(20)), "", record, target=target, budget=Budget(10, 60.0), lr=0.1)
        basis.append(record["steps_to_target"]["basis"])
    now = Record("t", metric.name, metric, "c", 10, basis=basis[1])
    stored = BaselineView("c", metric.unit, metric.better, 20, basis=basis[0], identity={})
    assert judge([now], stored, Procedure(), {}, {}).verdict is Verdict.INCOMPARABLE


def test_cifar_is_trained_once_and_without_a_target_that_nothing_vouches_for(tmp_path):
    for name in ("train", "test"):
        content = {b"data": numpy.zeros((1, 3072), numpy.uint8), b"fine_labels": [99]}
        (tmp_path / name).write_bytes(pickle.dumps(content, protocol=2))
    seen = {}
    modelbench = SimpleNamespace(
        device=torch.device("cuda"),
        data=tmp_path,
        train_to_target=lambda model, data, **options: seen.update(options, model=model, data=data[0].name),
    )
    row = table("cifar100").rows[0]
    train_on_cifar(row, lambda **arguments: arguments["model"], modelbench)
    assert seen == {"model": "resnet18", "data": "cifar100", "target": None, "budget": "1h", "timed": False}


def test_training_without_data_says_which():
    with pytest.raises(DataUnavailableError, match="nothing to train on: give the folder of CIFAR-10 or -100"):
        record_training(tone(), "", "", Recorder(), target=0.9)


def test_compiled_model_is_not_copied():
    with pytest.raises(UsageError, match=r"torch.compile has none; build it without"):
        record_training(tone(compile=True), (tones(4), tones(4)), "", Recorder(), target=0.9)


def test_ignored_pixels_are_the_same_everywhere():
    from pytest_modelbench.measure import segmentation_accuracy
    from pytest_modelbench.models.tasks import segmentation

    assert segmentation_accuracy.IGNORED == segmentation.IGNORED == IGNORED
