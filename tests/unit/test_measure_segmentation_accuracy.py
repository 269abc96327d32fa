"""Intersection over union and pixel accuracy of logits that are given."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_modelbench.core.errors import MeasureError
from pytest_modelbench.core.tasks import IGNORED
from pytest_modelbench.measure.segmentation_accuracy import segmentation_accuracy


def logits(*maps, num_classes=3):
    """Logits ``(N, classes, H, W)`` whose highest are those of the maps."""
    return torch.nn.functional.one_hot(torch.tensor(maps), num_classes).permute(0, 3, 1, 2).float()


def accuracy(predicted, *wanted, num_classes=3, frames=None):
    maps = [torch.tensor(rows) for rows in wanted]
    size = tuple(predicted.shape[2:])
    images = torch.zeros(len(maps), 3, *size)
    return segmentation_accuracy(lambda images: predicted, [(images, maps, frames or [size] * len(maps))], num_classes)


def test_counts_by_hand():
    """Class 0: 1 of 3; class 1: 1 of 2; class 2 is neither there nor predicted; one pixel does not count."""
    result = accuracy(logits([[0, 0], [1, 0]]), [[0, 1], [1, IGNORED]])
    assert result.class_iou == (0.5, 0.5, None)
    assert result.miou == 0.5
    assert result.pixel_accuracy == 2 / 3
    assert result.image_iou == (0.5,)


def test_class_that_is_only_predicted_counts_as_missed():
    result = accuracy(logits([[0, 2], [0, 0]]), [[0, 0], [0, 0]])
    assert result.class_iou == (0.75, None, 0.0)
    assert result.miou == 0.375


def test_mean_over_all_images_is_not_the_mean_of_their_means():
    result = accuracy(logits([[0, 0], [0, 0]], [[0, 1], [1, 1]]), [[0, 0], [0, 0]], [[1, 1], [1, 1]])
    assert result.image_iou == (1.0, 0.375)
    assert result.class_iou == (0.8, 0.75, None)
    assert result.samples == 2


def test_image_without_a_pixel_that_counts_has_no_mean():
    blank = [[IGNORED, IGNORED], [IGNORED, IGNORED]]
    result = accuracy(logits([[0, 0], [0, 0]], [[0, 1], [1, 1]]), blank, [[0, 1], [1, 1]])
    assert (result.image_iou, result.miou, result.samples) == ((1.0,), 1.0, 2)
    with pytest.raises(MeasureError, match="accuracy of 1 label maps without a pixel that counts"):
        accuracy(logits([[0, 0], [0, 0]]), blank)


def test_prediction_is_cut_to_its_frame_and_brought_to_the_size_of_the_map():
    # 4 x 4, of which the upper two rows are the image; the map is twice as large.
    predicted = logits([[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 2, 2], [2, 2, 2, 2]])
    result = accuracy(predicted, [[0] * 4 + [1] * 4] * 4, frames=[(2, 4)])
    assert result.class_iou == (1.0, 1.0, None)
    smaller = accuracy(predicted, [[0, 1]], frames=[(2, 4)])
    assert smaller.miou == 1.0


@pytest.mark.slow
@settings(deadline=None)
@given(st.data(), st.integers(2, 4), st.integers(1, 3), st.integers(1, 5))
def test_agrees_with_torchmetrics_and_does_not_depend_on_batches(data, num_classes, count, side):
    from torchmetrics.classification import MulticlassJaccardIndex

    def pixels(values):
        flat = data.draw(st.lists(st.sampled_from(values), min_size=count * side**2, max_size=count * side**2))
        return torch.tensor(flat).reshape(count, side, side)

    predicted = logits(*pixels(range(num_classes)).tolist(), num_classes=num_classes)
    wanted = pixels([*range(num_classes), IGNORED])
    if (wanted == IGNORED).all():
        wanted[0, 0, 0] = 0
    together = accuracy(predicted, *wanted.tolist(), num_classes=num_classes)
    outputs = iter(predicted)
    single = segmentation_accuracy(
        lambda images: next(outputs)[None],
        [(torch.zeros(1, 3, side, side), [one], [(side, side)]) for one in wanted],
        num_classes,
    )
    assert single == together
    jaccard = MulticlassJaccardIndex(num_classes, average="macro", ignore_index=IGNORED)
    assert together.miou == pytest.approx(jaccard(predicted, wanted).item(), abs=1e-6)
    counted = wanted != IGNORED
    assert together.pixel_accuracy == pytest.approx((predicted.argmax(dim=1) == wanted)[counted].float().mean().item())


def test_half_precision_logits_are_taken():
    assert accuracy(logits([[0, 1]]).bfloat16(), [[0, 1]]).miou == 1.0


def test_value_that_is_not_finite_names_its_sample():
    predicted = logits([[0, 1]], [[0, 1]])
    predicted[1, 0, 0, 1] = float("nan")
    with pytest.raises(MeasureError, match="the logits of sample 1 are not finite"):
        accuracy(predicted, [[0, 1]], [[0, 1]])


@pytest.mark.parametrize("label", [3, -1, 254])
def test_class_outside_the_classes_names_its_sample(label):
    with pytest.raises(MeasureError, match=f"the map of sample 1 has class {label}, and the classes go from 0 to 2"):
        accuracy(logits([[0, 1]], [[0, 1]]), [[0, 1]], [[0, label]])


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (logits([[0, 1]], num_classes=4), r"logits of shape \(1, 4, 1, 2\) where \(1, 3, 1, 2\) are wanted"),
        (logits([[0, 1, 0]]), r"logits of shape \(1, 3, 1, 3\)"),
        (
            {"aux": logits([[0, 1]])},
            r"the model returns a dict with aux \(1, 3, 1, 2\), and which of it are the logits",
        ),
    ],
)
def test_output_of_another_kind_is_refused(output, message):
    with pytest.raises(MeasureError, match=message):
        segmentation_accuracy(lambda images: output, [(torch.zeros(1, 3, 1, 2), [torch.tensor([[0, 1]])], [(1, 2)])], 3)


@pytest.mark.parametrize("wrap", [lambda found: {"out": found}, lambda found: SimpleNamespace(logits=found)])
def test_logits_are_found_where_segmenters_keep_them(wrap):
    batches = [(torch.zeros(1, 3, 1, 2), [torch.tensor([[0, 1]])], [(1, 2)])]
    assert segmentation_accuracy(lambda images: wrap(logits([[0, 1]])), batches, 3).miou == 1.0


def test_smaller_logits_are_scaled_to_the_map_and_cut_where_the_image_is_padded():
    small = logits([[0, 1], [2, 2]])
    wanted = torch.tensor([[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 2, 2], [2, 2, 2, 2]])
    whole = [(torch.zeros(1, 3, 4, 4), [wanted], [(4, 4)])]
    assert segmentation_accuracy(lambda images: small, whole, 3).pixel_accuracy == 1.0
    left = [(torch.zeros(1, 3, 4, 4), [wanted[:, :2]], [(4, 2)])]
    assert segmentation_accuracy(lambda images: small, left, 3).pixel_accuracy == 1.0


@pytest.mark.parametrize(("height", "width", "fits"), [(64, 128, True), (16, 32, True), (16, 16, False), (1, 1, False)])
def test_smaller_logits_have_the_images_proportions(height, width, fits):
    batches = [(torch.zeros(1, 3, 64, 128), [torch.zeros((64, 128), dtype=torch.int64)], [(64, 128)])]
    found = torch.zeros(1, 3, height, width)
    if fits:
        assert segmentation_accuracy(lambda images: found, batches, 3).pixel_accuracy == 1.0
    else:
        with pytest.raises(MeasureError, match="of the image's size or of its proportions, or pass logits="):
            segmentation_accuracy(lambda images: found, batches, 3)


def test_scores_say_of_which_images_they_are():
    ignored = torch.full((1, 2), IGNORED)
    batches = [(torch.zeros(2, 3, 1, 2), [ignored, torch.tensor([[0, 1]])], [(1, 2), (1, 2)])]
    result = segmentation_accuracy(lambda images: torch.cat([logits([[0, 1]])] * 2), batches, 3)
    assert (result.image_iou, result.scored, result.samples) == ((1.0,), (1,), 2)
