"""Which of a model's outputs stands for which class folder."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.data.labelling import Labelling, Outputs, labelling
from pytest_modelbench.models.labels import class_places, stated_classes

ROOT = Path("pets")
FOLDERS = ("cat", "dog", "red_fox")


@pytest.mark.parametrize(
    ("outputs", "classes", "labels", "count", "by"),
    [
        (Outputs(3), None, (0, 1, 2), 3, "folders in sorted order"),
        (Outputs(4), ["dog", "owl", "cat", "red_fox"], (2, 0, 3), 4, "classes="),
        (Outputs(1000), {"cat": 281, "dog": 250, "red_fox": 277}, (281, 250, 277), 1000, "classes="),
        (Outputs(1000), {"cat": 281, "dog": 281, "red_fox": 277}, (281, 281, 277), 1000, "classes="),
        (Outputs(4, {"dog": 0, "owl": 1, "cat": 2, "red_fox": 3}), None, (2, 0, 3), 4, "the model's own names"),
        (Outputs(4, {"Dog": 0, "Owl": 1, "Cat": 2, "Red fox": 3}), None, (2, 0, 3), 4, "the model's own names"),
        (Outputs(4, {"DOG": 0, "dog": 1, "cat": 2, "red fox": 3}), None, (2, 1, 3), 4, "the model's own names"),
        (Outputs(3, {"Dog": 0, "Fox": 1, "Cat": 2}), ["cat", "dog", "red_fox"], (0, 1, 2), 3, "classes="),
    ],
)
def test_labels_are_known_by_what_is_given_or_by_the_models_own_names(outputs, classes, labels, count, by):
    assert labelling(ROOT, FOLDERS, outputs, classes) == Labelling(labels, count, by)


@pytest.mark.parametrize(
    ("outputs", "classes", "message"),
    [
        (
            Outputs(1000),
            None,
            "has 3 folders, and the model tells 1000 classes apart, so which output .*; pass classes=",
        ),
        (Outputs(2), None, "has 3 folders, and the model tells 2 classes apart"),
        (
            Outputs(3, {"dog": 0, "cat": 1, "fox": 2}),
            None,
            "has folders 'cat', 'dog', 'red_fox', and the model's own names for its classes are others: 'dog', 'cat', ",
        ),
        (Outputs(3), ["cat", "dog"], "names 2 classes, and the model tells 3 apart"),
        (
            Outputs(3),
            ["cat", "dog", "redfox"],
            "has a folder 'red_fox', which classes= does not name. Did you mean 're",
        ),
        (Outputs(3), ["cat", "dog", "dog"], "classes= names 'dog' twice"),
        (Outputs(3), {"cat": 0, "dog": 1, "red_fox": 3}, "gives folder 'red_fox' output 3, and outputs go from 0 to 2"),
        (Outputs(3), {"cat": 0, "dog": 1, "red_fox": "2"}, "gives folder 'red_fox' output '2'"),
        (Outputs(3), "cat dog", "classes='cat dog' is neither a list of names nor a dict"),
        (Outputs(3), 3, "classes=3 is neither"),
    ],
)
def test_what_cannot_be_known_is_refused_with_the_way_out(outputs, classes, message):
    with pytest.raises(UsageError, match=message):
        labelling(ROOT, FOLDERS, outputs, classes)


def test_two_folders_are_not_one_class_in_other_letters():
    with pytest.raises(UsageError, match="the model's own names for its classes are others"):
        labelling(ROOT, ("CAT", "cat"), Outputs(2, {"cat": 0, "dog": 1}))


def module(**attributes):
    return SimpleNamespace(**attributes)


def test_modules_say_how_many_classes_they_tell_apart():
    assert stated_classes(module(num_classes=10)) == 10
    assert stated_classes(module(num_labels=3)) == 3
    # A backbone without a head has none, whatever its configuration says.
    assert stated_classes(module(num_classes=0, config=module(num_labels=2))) is None
    assert stated_classes(module()) is None


def test_modules_say_what_their_classes_are_called():
    config = module(id2label={0: "cat", "1": "dog"}, label2id={"cat": 0, "hound": 1})
    assert class_places(module(config=config)) == {"cat": 0, "dog": 1, "hound": 1}
    assert class_places(module(pretrained_cfg={"label_names": ("cat", "dog")})) == {"cat": 0, "dog": 1}
    # ImageNet has two kinds of cranes.
    assert class_places(module(config=module(id2label={0: "crane", 1: "crane", 2: "owl"}))) == {"owl": 2}
    assert class_places(module(config=module(id2label={0: "LABEL_0", 1: "LABEL_1"}))) == {}
    assert class_places(module()) == class_places(module(pretrained_cfg=module())) == {}
