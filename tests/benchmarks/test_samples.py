"""Accuracy of the sample models on held-out scenes, and short trainings to a target."""

import pytest

from pytest_modelbench.samples import SAMPLE_MODELS

#: So many scenes at a time; accuracy does not depend on it.
BATCH = 50


def sample(build_model, task):
    wanted = SAMPLE_MODELS[task]
    return build_model(wanted.model, checkpoint="scenes", batch_size=BATCH, **wanted.arguments)


@pytest.mark.modelbench(suite="accuracy")
def test_classification(build_model, modelbench):
    modelbench.accuracy(sample(build_model, "classification"), "scenes")


@pytest.mark.modelbench(suite="accuracy")
def test_detection(build_model, modelbench):
    modelbench.detection_accuracy(sample(build_model, "detection"), "scenes")


@pytest.mark.modelbench(suite="accuracy")
def test_instance_segmentation(build_model, modelbench):
    modelbench.detection_accuracy(sample(build_model, "instance_segmentation"), "scenes")


@pytest.mark.modelbench(suite="accuracy")
def test_segmentation(build_model, modelbench):
    modelbench.segmentation_accuracy(sample(build_model, "segmentation"), "scenes")


@pytest.mark.modelbench(suite="accuracy")
def test_training_on_digits(build_model, modelbench):
    model = build_model("test_resnet", num_classes=10, image_size=32, batch_size=32)
    modelbench.train_to_target(model, "digits", target=0.98)
