"""Accuracy of classifiers as people have them: their preprocessing, their outputs, their classes."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from PIL import Image
from torch import nn

from pytest_modelbench.bench.class_accuracy import Reading, class_images, record_class_accuracy
from pytest_modelbench.bench.scoring import Naming
from pytest_modelbench.bench.task_accuracy import record_detection_accuracy, record_segmentation_accuracy
from pytest_modelbench.core.errors import MeasureError, UsageError
from pytest_modelbench.core.observations import hits
from pytest_modelbench.core.verdicts import BaselineView, Verdict
from pytest_modelbench.data.scenes import scene_maps, scene_objects
from pytest_modelbench.judge.judging import judge
from pytest_modelbench.judge.procedure import Compared, Procedure
from pytest_modelbench.models.build import build
from pytest_modelbench.models.own_transform import OwnTransform
from tests.unit.test_bench_task_accuracy import Recorder
from tests.unit.test_models_own_transform import Processor, cropped, scaled

CPU = torch.device("cpu")
COLOURS = {"blue": (0, 0, 255), "green": (0, 255, 0), "red": (255, 0, 0)}


class Colours(nn.Module):
    """Tells red, green and blue apart, in that order; says no more of itself than ``more``."""

    def __init__(self, wrap=lambda found: found, **more):
        super().__init__()
        self._wrap = wrap
        for name, value in more.items():
            setattr(self, name, value)

    def forward(self, images):
        return self._wrap(images.mean(dim=(2, 3)))


def colours(wrap=lambda found: found, options=None, **more):
    return build(
        lambda: Colours(wrap, **more), device=CPU, name="colours", image_size=32, batch_size=2, **options or {}
    )


@pytest.fixture
def tree(tmp_path):
    for name, colour in COLOURS.items():
        (tmp_path / name).mkdir()
        for number in range(2):
            Image.new("RGB", (40, 40), colour).save(tmp_path / name / f"{number}.png")
    return tmp_path


def accuracy(model, data, **reading):
    record = Recorder()
    reading = Reading(**{"transform": scaled, **reading})
    record_class_accuracy(model, class_images(model, data, ""), record, Naming(), reading)
    return record["top1"]


RIGHT = ["red", "green", "blue"]


@pytest.mark.parametrize("transform", [scaled, Processor()])
def test_a_model_that_says_nothing_of_itself_is_scored_by_what_the_test_says(tree, transform):
    one = accuracy(colours(), tree, transform=transform, classes=RIGHT)
    assert (one.value, one.observations, one.case.id) == (1.0, hits([True] * 6), f"colours-b2-32-fp32-{tree.name}")
    assert one.comparability.recipe == OwnTransform.of(scaled).recipe()
    assert one.figures == {"samples": 6, "classes": "classes="}


def test_its_samples_are_named_by_their_files(tree):
    one = accuracy(colours(), tree, classes=RIGHT)
    assert one.sample_names.unpacked() == tuple(f"{name}/{number}.png" for name in COLOURS for number in range(2))
    assert one.without_sample_names().sample_names is None


@pytest.mark.parametrize(
    "wrap", [lambda found: SimpleNamespace(logits=found), lambda found: {"logits": found}, lambda found: (found, None)]
)
def test_its_logits_are_found(tree, wrap):
    assert accuracy(colours(wrap), tree, classes=RIGHT).value == 1.0


def test_logits_of_the_tests_own_count_as_many_classes_as_they_have(tree):
    def wrap(found):
        return {"head": torch.cat([found, torch.ones(len(found), 7)], dim=1)}

    model = colours(wrap, num_classes=10)
    assert accuracy(model, tree, classes=RIGHT, logits=lambda found: found["head"][:, :3]).value == 1.0
    with pytest.raises(MeasureError, match=r"a dict with head \(2, 10\), and which of it are the logits"):
        accuracy(model, tree, classes={"red": 0, "green": 1, "blue": 2})


def test_folders_in_sorted_order_are_taken_for_as_many_outputs_and_told(tree):
    one = accuracy(colours(), tree)
    # Blue is the first folder, and red the first output.
    assert (one.value, one.figures["classes"]) == (1 / 3, "folders in sorted order")


def test_the_models_own_names_are_taken_before_that(tree):
    one = accuracy(colours(config=SimpleNamespace(id2label=dict(enumerate(["Red", "Green", "Blue"])))), tree)
    assert (one.value, one.figures["classes"]) == (1.0, "the model's own names")


@pytest.mark.parametrize("says", [{"num_classes": 10}, {}])
def test_more_outputs_than_folders_are_not_scored_by_guess(tree, says):
    def wrap(found):
        return torch.cat([found, torch.zeros(len(found), 7)], dim=1)

    with pytest.raises(UsageError, match="has 3 folders, and the model tells 10 classes apart, so which output"):
        accuracy(colours(wrap, **says), tree)
    assert accuracy(colours(wrap, **says), tree, classes={"red": 0, "green": 1, "blue": 2}).value == 1.0


def test_images_without_class_folders_have_their_labels():
    with pytest.raises(UsageError, match="classes= is for images in class folders, and those of scenes have labels"):
        accuracy(colours(num_classes=5), "scenes", classes=RIGHT)


def test_images_in_memory_go_through_the_transform_as_well():
    def wrap(found):
        return found.repeat(1, 2)[:, :5]

    one = accuracy(colours(wrap), "scenes")
    assert (one.figures["samples"], one.comparability.recipe) == (200, OwnTransform.of(scaled).recipe())


def test_a_size_that_the_model_is_not_built_for_is_refused(tree):
    with pytest.raises(
        UsageError, match=r"makes 48x48 of an image of 480x640, and colours-b2-32-fp32 is built for 32x32"
    ):
        accuracy(colours(), tree, transform=lambda image: scaled(image, 48), classes=RIGHT)


def test_images_of_several_sizes_are_told_apart_by_number(tree):
    Image.new("RGB", (40, 30)).save(tree / "green" / "2.png")

    def transform(image):
        return scaled(image, 32 if image.height != 30 else 16)

    with pytest.raises(
        UsageError, match=r"sample 4 is \(3, 16, 16\) once it is prepared, and sample 5 is \(3, 32, 32\)"
    ):
        accuracy(colours(), tree, transform=transform, classes=RIGHT)


def test_model_that_takes_images_by_a_name_gets_them_by_it(tree):
    class Named(Colours):
        def forward(self, *, pixel_values):
            return super().forward(pixel_values)

    model = build(Named, device=CPU, name="named", batch_size=2, inputs={"pixel_values": (3, 32, 32)})
    assert accuracy(model, tree, classes=RIGHT).value == 1.0


def test_without_a_configuration_transform_is_named(tree):
    with pytest.raises(
        UsageError, match=r"colours does not say how its images are to be prepared, .*; pass transform="
    ):
        accuracy(colours(), tree, transform=None, classes=RIGHT)


def judged(tree, transform):
    """The judgement on an accuracy with this transform, where the baseline was recorded with `scaled`."""
    then, now = (accuracy(colours(), tree, transform=one, classes=RIGHT) for one in (scaled, transform))
    stored = BaselineView(then.case.id, "fraction", then.metric.better, 1.0, then.comparability)
    return judge(Compared([now], stored), Procedure()).judgement


@pytest.mark.parametrize("transform", [cropped, lambda image: scaled(image) * 2])
def test_another_transform_is_told_as_such_and_not_held_against_the_model(tree, transform):
    judgement = judged(tree, transform)
    assert judgement.verdict is Verdict.INCOMPARABLE
    assert judgement.reasons[0].what == "recipe"


def test_the_same_transform_on_a_machine_that_rounds_otherwise_is_the_same(tree):
    assert judged(tree, lambda image: scaled(image) + 1e-3).verdict is Verdict.OK


class Shifted(nn.Module):
    """What is 1 in what a transform of the test's own makes of images, as class 1."""

    def forward(self, images):
        return {"out": torch.stack([1 - images[:, 0], images[:, 0], *[images[:, 0] * 0] * 4], dim=1)[:, :, ::4, ::4]}


def test_segmenters_with_a_transform_and_smaller_logits_are_scored():
    record, data = Recorder(), scene_maps(2)
    model = build(Shifted, device=CPU, name="shifted", image_size=32, batch_size=2, task="classification")
    record_segmentation_accuracy(model, data, "", record, Naming(), transform=scaled)
    assert record["miou"].comparability.recipe == OwnTransform.of(scaled).recipe()
    with pytest.raises(UsageError, match="cuts a part of each image off, or pads it, and its pixels would not lie"):
        record_segmentation_accuracy(model, data, "", Recorder(), Naming(), transform=cropped)


def test_boxes_are_scaled_with_the_whole_image():
    pytest.importorskip("pycocotools")
    data, record = scene_objects(2), Recorder()
    boxes = [data.read(number)[1] for number in range(2)]

    def outputs(returned):
        return [
            {"boxes": one["boxes"] / 3, "labels": one["labels"], "scores": torch.ones(len(one["labels"]))}
            for one in boxes
        ]

    model = build(Shifted, device=CPU, name="shifted", image_size=32, batch_size=2)
    record_detection_accuracy(model, data, "", record, Naming(), transform=scaled, outputs=outputs)
    assert record["box_map"].value == 1.0
    assert record["box_map"].comparability.recipe == OwnTransform.of(scaled).recipe()
