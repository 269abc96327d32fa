"""Average precision of findings that are given."""

from __future__ import annotations

import pytest
import torch

from pytest_modelbench.core.errors import MeasureError, MissingExtraError
from pytest_modelbench.measure import detection_accuracy as module
from pytest_modelbench.measure.detection_accuracy import AveragePrecision, DetectionAccuracy, detection_accuracy

needs_coco = pytest.mark.skipif(module.find_spec("pycocotools") is None, reason="needs the extra [detection]")
IMAGES = torch.zeros(1, 3, 100, 200)
BOX = [0.0, 0.0, 100.0, 100.0]


def objects(boxes, labels, **more):
    return {"boxes": torch.tensor(boxes).reshape(-1, 4), "labels": torch.tensor(labels, dtype=torch.int64), **more}


def found(boxes, labels, scores, **more):
    return objects(boxes, labels, scores=torch.tensor(scores), **more)


def accuracy(predictions, targets, num_classes=2, **options):
    """One image after the other, each a batch of its own."""
    remaining = iter(predictions)
    batches = [(IMAGES, [target]) for target in targets]
    return detection_accuracy(lambda images: [next(remaining)], batches, num_classes, **options)


@needs_coco
def test_everything_found_is_one():
    target = objects([BOX, [100, 0, 150, 50]], [0, 1])
    result = accuracy([found(target["boxes"].tolist(), [0, 1], [0.9, 0.8])], [target])
    assert result == DetectionAccuracy(AveragePrecision(1.0, 1.0, 1.0), None, 1, 2)


@needs_coco
def test_overlap_of_62_percent_counts_at_three_of_ten_thresholds():
    result = accuracy([found([[0.0, 0.0, 100.0, 62.0]], [1], [0.9])], [objects([BOX], [1])])
    assert result.box == AveragePrecision(0.3, 1.0, 0.0)


@needs_coco
def test_an_overlap_that_is_exactly_a_threshold_counts_there():
    """pycocotools by itself gives 0.3: at 0.5, 0.55 and 0.6."""
    result = accuracy([found([[0.0, 0.0, 100.0, 60.0]], [1], [0.9])], [objects([BOX], [1])])
    assert result.box == AveragePrecision(0.3, 1.0, 0.0)


@needs_coco
def test_half_of_the_objects_found_is_half_of_the_recalls():
    """Precision is 1 up to a recall of 0.5: 51 of the 101 recalls that COCO looks at."""
    prediction = [found([BOX], [0], [0.9]), found([], [], [])]
    result = accuracy(prediction, [objects([BOX], [0]), objects([BOX], [0])])
    assert result.box.map == pytest.approx(51 / 101, abs=1e-6)
    assert (result.samples, result.objects) == (2, 2)


@needs_coco
def test_false_finding_counts_where_its_score_is_higher():
    target = objects([BOX], [0])
    sure = accuracy([found([BOX, [150, 0, 190, 40]], [0, 0], [0.5, 0.9])], [target])
    unsure = accuracy([found([BOX, [150, 0, 190, 40]], [0, 0], [0.9, 0.5])], [target])
    assert (sure.box.map50, unsure.box.map50) == (0.5, 1.0)


@needs_coco
def test_box_of_another_class_is_not_found():
    result = accuracy([found([BOX], [1], [0.9])], [objects([BOX], [0])])
    assert result.box.map == 0.0


@needs_coco
def test_finding_within_a_crowd_is_neither_right_nor_wrong():
    crowd = objects([BOX, [100, 0, 200, 100]], [0, 0], iscrowd=torch.tensor([0, 1]))
    result = accuracy([found([BOX, [110, 10, 130, 30]], [0, 0], [0.5, 0.9])], [crowd])
    assert result.box == AveragePrecision(1.0, 1.0, 1.0)


@needs_coco
@pytest.mark.parametrize("kind", ["probabilities", "bool", "with a channel"])
def test_masks_are_compared_by_their_pixels(kind):
    wanted = torch.zeros(1, 100, 200, dtype=torch.bool)
    wanted[0, :, :100] = True
    mask = wanted.clone()
    mask[0, 78:] = False
    mask = {"bool": mask, "probabilities": mask * 0.6 + 0.1, "with a channel": (mask * 0.6 + 0.1)[:, None]}[kind]
    target = objects([BOX], [0], masks=wanted)
    result = accuracy([found([BOX], [0], [0.9], masks=mask)], [target], masks=True)
    assert result.box == AveragePrecision(1.0, 1.0, 1.0)
    assert result.mask == AveragePrecision(0.6, 1.0, 1.0)


@needs_coco
def test_half_precision_findings_are_taken():
    prediction = found([BOX], [0], [0.9])
    prediction["boxes"], prediction["scores"] = prediction["boxes"].bfloat16(), prediction["scores"].half()
    assert accuracy([prediction], [objects([BOX], [0])]).box.map == 1.0


@needs_coco
def test_images_without_objects_are_taken_but_not_alone():
    empty = objects([], [])
    result = accuracy([found([BOX], [0], [0.9]), found([], [], [])], [objects([BOX], [0]), empty])
    assert (result.box.map, result.samples, result.objects) == (1.0, 2, 1)
    with pytest.raises(MeasureError, match="2 images without any object in them"):
        accuracy([found([], [], [])] * 2, [empty, empty])
    with pytest.raises(MeasureError, match="0 images without any object"):
        accuracy([], [])


@needs_coco
@pytest.mark.parametrize(
    ("prediction", "message"),
    [
        (found([BOX], [2], [0.9]), "sample 1 has label 2, and the classes go from 0 to 1; count them from 0"),
        (found([BOX], [-1], [0.9]), "sample 1 has label -1"),
        (found([[0.0, 0.0, float("nan"), 1.0]], [0], [0.9]), "the boxes of sample 1 are not finite"),
        (found([BOX], [0], [float("inf")]), "the scores of sample 1 are not finite"),
        (found([BOX, BOX], [0], [0.9]), r"sample 1 has boxes of shape \(2, 4\) and labels of shape \(1,\)"),
        (found([BOX], [0], [0.9, 0.1]), r"sample 1 has scores of shape \(2,\) for 1 labels"),
        (objects([BOX], [0]), "sample 1 has no scores; it needs boxes, labels, scores"),
        ("boxes", "sample 1 has no boxes and no labels and no scores"),
    ],
)
def test_finding_that_makes_no_sense_names_its_sample(prediction, message):
    with pytest.raises(MeasureError, match=message):
        accuracy([found([BOX], [0], [0.9]), prediction], [objects([BOX], [0])] * 2)


@needs_coco
@pytest.mark.parametrize(
    ("masks", "message"),
    [
        (None, "sample 0 has no masks"),
        (torch.zeros(1, 50, 100), r"sample 0 has masks of shape \(1, 50, 100\) for 1 labels in an image of 100x200"),
        (torch.zeros(2, 100, 200), r"masks of shape \(2, 100, 200\) for 1 labels"),
        (torch.full((1, 100, 200), float("nan")), "the masks of sample 0 are not finite"),
    ],
)
def test_mask_that_makes_no_sense_names_its_sample(masks, message):
    target = objects([BOX], [0], masks=torch.ones(1, 100, 200, dtype=torch.bool))
    prediction = found([BOX], [0], [0.9], **({} if masks is None else {"masks": masks}))
    with pytest.raises(MeasureError, match=message):
        accuracy([prediction], [target], masks=True)


@needs_coco
def test_data_that_make_no_sense_are_named_as_such():
    with pytest.raises(MeasureError, match="the data's sample 0 has label 5"):
        accuracy([found([BOX], [0], [0.9])], [objects([BOX], [5])])


@needs_coco
@pytest.mark.parametrize(
    ("output", "what"),
    [(torch.zeros(1), r"a tensor \(1,\)"), ([], "0 results"), ({"boxes": 1}, "a dict with boxes int")],
)
def test_output_that_is_no_list_of_findings_is_refused(output, what):
    with pytest.raises(MeasureError, match=f"the model returns {what} for 1 images; a detector returns a list"):
        detection_accuracy(lambda images: output, [(IMAGES, [objects([BOX], [0])])], 2)


@needs_coco
def test_findings_are_made_of_what_a_model_returns():
    target = objects([BOX], [0])
    raw = {"pred_boxes": torch.tensor([BOX]), "labels": torch.tensor([1]), "scores": torch.tensor([0.9])}

    def outputs(output):
        return [{"boxes": output["pred_boxes"], "labels": output["labels"] - 1, "scores": output["scores"]}]

    assert accuracy_of(raw, target, outputs) == 1.0
    with pytest.raises(
        MeasureError, match=r"outputs= fails on what the model returns, a dict with pred_boxes \(1, 4\).*"
    ):
        accuracy_of(raw, target, lambda output: output["boxes"])
    with pytest.raises(MeasureError, match="outputs= returns a dict with"):
        accuracy_of(raw, target, lambda output: output)
    with pytest.raises(MeasureError, match=r"sample 0 has no boxes and no scores.*; pass outputs= to make them"):
        accuracy_of([{"labels": torch.tensor([0])}], target, None)


def accuracy_of(output, target, outputs):
    return detection_accuracy(lambda images: output, [(IMAGES, [target])], 2, outputs=outputs).box.map


def test_without_pycocotools_the_extra_is_named(monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pycocotools is not installed.*\[detection\]"):
        detection_accuracy(lambda images: [], [], 2)
