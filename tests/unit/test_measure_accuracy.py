"""Accuracy of logits that are given."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pytest_modelbench.core.errors import MeasureError, UsageError
from pytest_modelbench.measure.accuracy import Accuracy, classification_accuracy


def batch(rows, labels):
    """A batch whose images are the logits, so that ``predict`` may be the identity."""
    return torch.tensor(rows), torch.tensor(labels)


def identity(images):
    return images


ROWS = [[0.1, 0.7, 0.2], [0.5, 0.4, 0.1], [0.2, 0.3, 0.5], [0.6, 0.3, 0.1]]


def test_counts_the_label_among_the_k_highest():
    batches = [batch(ROWS[:3], [1, 1, 0]), batch(ROWS[3:], [0])]
    assert classification_accuracy(identity, batches, 3, top_k=(1, 2, 3)) == Accuracy(
        {1: 0.5, 2: 0.75, 3: 1.0},
        4,
        {1: (True, False, False, True), 2: (True, True, False, True), 3: (True, True, True, True)},
    )


@pytest.mark.slow
@given(st.lists(st.tuples(st.permutations(range(6)), st.integers(0, 5)), min_size=1, max_size=40), st.integers(1, 7))
def test_agrees_with_ranking_by_hand_whatever_the_batches(samples, batch_size):
    batches = [
        batch([[float(v) for v in row] for row, _ in part], [label for _, label in part])
        for part in (samples[i : i + batch_size] for i in range(0, len(samples), batch_size))
    ]
    ranks = [sum(v > row[label] for v in row) for row, label in samples]
    result = classification_accuracy(identity, batches, 6, top_k=(1, 5))
    assert result.top == {k: sum(rank < k for rank in ranks) / len(samples) for k in (1, 5)}
    assert result.correct == tuple(rank == 0 for rank in ranks)


def test_half_precision_logits_are_taken():
    images, labels = batch(ROWS, [1, 0, 2, 0])
    assert classification_accuracy(lambda x: x.bfloat16(), [(images, labels)], 3, (1,)).top == {1: 1.0}


def test_value_that_is_not_finite_names_its_sample():
    batches = [batch(ROWS, [0, 0, 0, 0]), batch([ROWS[0], [0.0, float("nan"), 1.0]], [0, 0])]
    with pytest.raises(MeasureError, match="the logits of sample 5 are not finite"):
        classification_accuracy(identity, batches, 3, (1,))


@pytest.mark.parametrize(
    ("predict", "message"),
    [
        (identity, r"logits of shape \(4, 3\) for 4 samples of 10 classes; build it with num_classes=10"),
        (lambda images: images[:2], r"logits of shape \(2, 3\) for 4 samples"),
        (lambda images: [images], r"the model returns a list with \(4, 3\), and which of it are the logits"),
    ],
)
def test_output_of_another_kind_is_refused(predict, message):
    with pytest.raises(MeasureError, match=message):
        classification_accuracy(predict, [batch(ROWS, [0, 0, 0, 0])], 10, (1,))


@pytest.mark.parametrize("label", [3, -1])
def test_label_outside_the_classes_names_its_sample(label):
    with pytest.raises(MeasureError, match=f"sample 1 has label {label}, and the classes go from 0 to 2"):
        classification_accuracy(identity, [batch(ROWS[:2], [0, label])], 3, (1,))


def test_no_samples_are_no_accuracy():
    with pytest.raises(MeasureError, match="no samples at all"):
        classification_accuracy(identity, [], 3, (1,))


@pytest.mark.parametrize("top_k", [(), (0,), (1, 4)])
def test_k_must_fit_the_classes(top_k):
    with pytest.raises(UsageError, match="from 1 to 3"):
        classification_accuracy(identity, [], 3, top_k)
