"""Accuracy by task and training to a target: which measurements they make, of which data."""

from __future__ import annotations

import math
import pickle
from dataclasses import replace
from types import SimpleNamespace

import numpy
import pytest
import torch
from PIL import Image
from torch import nn

from pytest_modelbench.bench.class_accuracy import class_images, record_class_accuracy
from pytest_modelbench.bench.scoring import Naming
from pytest_modelbench.bench.task_accuracy import record_detection_accuracy, record_segmentation_accuracy
from pytest_modelbench.bench.train_to_target import ShortTraining, class_pair, record_training
from pytest_modelbench.core.errors import DataUnavailableError, MeasureError, UsageError
from pytest_modelbench.core.measurement import Comparability, Measurement, RelativeTime
from pytest_modelbench.core.observations import hits, scores
from pytest_modelbench.core.verdicts import BaselineView, Verdict
from pytest_modelbench.data.datasets import ClassData, MapData
from pytest_modelbench.data.photos import LabelledImages
from pytest_modelbench.data.scenes import scene_classes, scene_maps, scene_objects
from pytest_modelbench.judge.judging import judge
from pytest_modelbench.judge.procedure import Compared, Procedure
from pytest_modelbench.models.build import build
from pytest_modelbench.models.fitting import Budget
from pytest_modelbench.published.catalog.tables import table
from tests.benchmarks.test_published_training import train_on_cifar

CPU = torch.device("cpu")


PLAIN = Naming()


class Recorder(dict):
    """What was recorded, by name, and the band that was asked for."""

    def __init__(self):
        super().__init__()
        self.bands = {}

    def __call__(self, measurement, band=None, *, default=""):
        assert measurement.name not in self
        self[measurement.name] = measurement
        self.bands[measurement.name] = band


def measured(metric, value, case, data, **more):
    return Measurement.of(
        metric, value, case, comparability=Comparability(data=f"{data.name} {data.fingerprint}"), **more
    )


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
    model = knowing(answers, 5)
    result = record_class_accuracy(model, data, record, Naming(band="1pp"))
    assert result.top == {1: 6 / 7}
    assert record == {
        "top1": measured(
            "top1", 6 / 7, replace(model.case, data="scenes"), data, figures={"samples": 7},
            observations=hits([False] + [True] * 6),
        )
    }  # fmt: skip
    assert record["top1"].case.id == "knows-b3-96-fp32-scenes"
    assert record.bands == {"top1": "1pp"}


def test_top_five_is_of_more_than_five_classes():
    data = ClassData("some", torch.zeros((2, 3, 4, 4), dtype=torch.uint8), torch.tensor([0, 5]), 6, "0")
    record = Recorder()
    record_class_accuracy(knowing(-torch.eye(6)[[1, 5]], 6), data, record, Naming("second"))
    assert {name: one.value for name, one in record.items()} == {"second_top1": 0.5, "second_top5": 0.5}


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
    with pytest.raises(UsageError, match=r"has 1 folders, and the model tells 1000|holds no images"):
        record_class_accuracy(model, class_images(model, tmp_path, ""), Recorder(), PLAIN)


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
    model = knowing(truth(data, masks), 5, task=task)
    result = record_detection_accuracy(model, data, "", record, PLAIN)
    kinds = ["box", "mask"] if masks else ["box"]
    assert list(record) == [f"{kind}_{figure}" for kind in kinds for figure in ("map", "map50", "map75")]
    assert all(one.value == 1.0 for one in record.values())
    figures = {"samples": 7, "objects": result.objects}
    assert record["box_map50"] == measured("box_map50", 1.0, replace(model.case, data="scenes"), data, figures=figures)
    assert record["box_map50"].case.id == f"knows-b3-96-fp32-{task}-scenes"
    assert set(record.bands.values()) == {None}


@pytest.mark.slow
def test_scenes_are_the_held_out_ones():
    pytest.importorskip("pycocotools")
    record = Recorder()
    data = scene_objects()
    model = knowing(truth(data, False), 5, task="detection", batch_size=50)
    record_detection_accuracy(model, "scenes", "", record, PLAIN)
    assert record["box_map"].comparability == Comparability(data=f"scenes {data.fingerprint}")
    assert record["box_map"].figures["samples"] == 200


def test_label_maps_are_recorded_with_their_data():
    data, record = scene_maps(4), Recorder()
    answers = [one_hot(data.read(index)[1], 6).permute(2, 0, 1) for index in range(4)]
    model = knowing(answers, 6, task="segmentation")
    result = record_segmentation_accuracy(model, data, "", record, PLAIN)
    assert (result.miou, result.pixel_accuracy) == (1.0, 1.0)
    assert record["miou"] == measured(
        "miou", 1.0, replace(model.case, data="scenes"), data, figures={"samples": 4}, observations=scores([1.0] * 4)
    )
    assert record["miou"].case.id == "knows-b3-96-fp32-segmentation-scenes"
    assert record["pixel_accuracy"].observations is None
    assert record.bands == {"miou": None, "pixel_accuracy": None}


def test_data_of_another_number_of_classes_are_refused():
    with pytest.raises(UsageError, match="tells 3 classes apart, and scenes has 6; build it with num_classes=6"):
        record_segmentation_accuracy(knowing([], 3), scene_maps(1), "", Recorder(), PLAIN)


@pytest.mark.parametrize("classes", [1001, 21843])
def test_photos_are_of_the_thousand_classes(classes):
    photos = LabelledImages("imagenet-photos", (), (), 1000, "0")
    with pytest.raises(UsageError, match=f"tells {classes} classes apart, and imagenet-photos has 1000"):
        record_class_accuracy(knowing([], classes), photos, Recorder(), PLAIN)


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
        record_segmentation_accuracy(knowing([answer], 21), data, given, record, PLAIN)
        assert record["miou"].value == 1.0
        assert record["miou"].case.id == "knows-b3-96-fp32-voc-val"
        assert record["miou"].sample_names.unpacked() == ("one.jpg",)


def test_maps_without_a_pixel_that_counts_have_no_score_and_no_name():
    blank, shown = torch.full((96, 96), 255), torch.zeros((96, 96), dtype=torch.int64)
    image = torch.zeros((3, 96, 96), dtype=torch.uint8)
    data = MapData("maps", ("a", "b"), 3, "0", lambda number: (image, [shown, blank, shown][number]))
    record = Recorder()
    record_segmentation_accuracy(knowing([torch.ones(2, 96, 96)] * 3, 2), data, "", record, PLAIN)
    assert record["miou"].observations == scores([1.0, 1.0])
    assert record["miou"].sample_names.unpacked() == ("sample 0", "sample 2")


@pytest.mark.parametrize(
    ("measure", "kind"),
    [(record_detection_accuracy, "no COCO file"), (record_segmentation_accuracy, "no label maps")],
)
def test_path_of_the_session_that_holds_other_data_skips_and_that_of_the_test_fails(tmp_path, measure, kind):
    with pytest.raises(DataUnavailableError, match=rf"--modelbench-data=.* holds {kind}"):
        measure(knowing([], 5), "", str(tmp_path), Recorder(), PLAIN)
    with pytest.raises(UsageError, match=rf"holds {kind}.*; pass the folder that does"):
        measure(knowing([], 5), tmp_path, "", Recorder(), PLAIN)
    with pytest.raises(UsageError, match=r"there is no .*absent: correct the path"):
        measure(knowing([], 5), tmp_path / "absent", "", Recorder(), PLAIN)
    with pytest.raises(DataUnavailableError, match=r"give a (file|folder) .* with --modelbench-data"):
        measure(knowing([], 5), "", "", Recorder(), PLAIN)


def test_file_without_masks_is_refused_for_masks():
    pytest.importorskip("pycocotools")
    data = scene_objects(1)
    boxes = type(data)(data.name, data.classes, 1, data.fingerprint, data.read, has_masks=False)
    with pytest.raises(UsageError, match="scenes has boxes alone"):
        record_detection_accuracy(knowing([], 5, task="instance_segmentation"), boxes, "", Recorder(), PLAIN)


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
        model, (tones(40), tones(20)), record, ShortTraining(0.9, Budget(10, 60.0), lr=0.1), Naming(band="2pp")
    )
    assert list(record) == [
        "final_accuracy", "loss_at_25", "loss_at_50", "loss_at_100", "steps_to_target", "time_to_target",
    ]  # fmt: skip
    assert record["final_accuracy"].value == fitted.scores[-1][1] == 1.0
    assert record["final_accuracy"].observations == hits([True] * 20)
    assert record.bands == {name: "2pp" if name == "final_accuracy" else None for name in record}
    data, recipe = "tones fingerprint40 fingerprint20", "lr=0.1 epochs=10 seed=0"
    made = {name: one.comparability for name, one in record.items()}
    assert {made[name] for name in made if "target" not in name} == {Comparability(data, recipe)}
    assert {made[name] for name in made if "target" in name} == {Comparability(data, f"{recipe} target=0.9")}
    assert record["final_accuracy"].case.id == f"{__name__}.Tone-b4-4-fp32-training-tones"
    assert record["steps_to_target"].value == fitted.steps_to_target
    assert record["loss_at_50"].metric.name == "training_loss"
    assert record["loss_at_50"].value == sum(fitted.losses[40:50]) / 10
    assert record["time_to_target"].timing == RelativeTime(math.log(fitted.seconds_to_target))
    assert record["time_to_target"].samples == (fitted.seconds_to_target,)
    assert all(one.figures["seconds"] == fitted.seconds for one in record.values())
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.module.state_dict().items())


def test_target_that_is_not_reached_fails_and_says_how_far_it_came():
    record = Recorder()
    with pytest.raises(MeasureError, match=r"Tone-b4-4-fp32 on tones reaches \d.\d+ in 10 steps, not the 1.1 it is to"):
        record_training(tone(), (tones(40), tones(20)), record, ShortTraining(1.1, Budget(1, 60.0)), PLAIN)
    assert list(record) == ["final_accuracy", "loss_at_2", "loss_at_5", "loss_at_10"]


def test_training_without_a_target_records_how_far_it_came():
    record = Recorder()
    record_training(tone(), (tones(40), tones(20)), record, ShortTraining(None, Budget(1, 60.0)), Naming("short"))
    assert list(record) == ["short_final_accuracy", "short_loss_at_2", "short_loss_at_5", "short_loss_at_10"]


def test_trained_top_five_is_of_more_than_five_classes():
    record = Recorder()
    data = ClassData("six", tones(12).images, torch.arange(12) % 6, 6, "0")
    training = ShortTraining(None, Budget(1, 60.0))
    record_training(tone(num_classes=6), (data, data), record, training, Naming(band="2pp"))
    top1, top5 = record["final_accuracy"], record["final_top5"]
    assert top5.metric.name == "final_top5"
    assert (top5.case, top5.comparability, top5.figures) == (top1.case, top1.comparability, top1.figures)
    assert record.bands["final_accuracy"] == record.bands["final_top5"] == "2pp"
    # Six tones in a line, of which a linear model puts one or two last.
    assert top5.value > top1.value
    assert top5.observations != top1.observations


def test_what_is_reached_sooner_for_a_lower_target_is_not_compared():
    records = []
    for target in (0.9, 0.5):
        records.append(Recorder())
        training = ShortTraining(target, Budget(10, 60.0), lr=0.1)
        record_training(tone(), (tones(40), tones(20)), records[-1], training, PLAIN)
    then, now = (record["steps_to_target"] for record in records)
    metric = now.metric
    stored = BaselineView(then.case.id, metric.unit, metric.better, 20, then.comparability, identity={})
    (reason,) = judge(Compared([now], stored), Procedure()).judgement.reasons
    assert (reason.what, reason.then, reason.now) == ("recipe", then.comparability.recipe, now.comparability.recipe)
    assert judge(Compared([now], stored), Procedure()).judgement.verdict is Verdict.INCOMPARABLE


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
        class_pair("", "")


def test_compiled_model_is_not_copied():
    with pytest.raises(UsageError, match=r"torch.compile has none; build it without"):
        record_training(tone(compile=True), (tones(4), tones(4)), Recorder(), ShortTraining(0.9), PLAIN)
