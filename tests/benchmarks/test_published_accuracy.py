"""ImageNet accuracy of the benchmark guide's backbones: pretrained weights on the images of --modelbench-data."""

import pytest

from pytest_modelbench.published.catalog.tables import table

MODELS = [row.case.model for id in ("backbones-cnn", "backbones-transformer") for row in table(id).rows]


@pytest.mark.modelbench(suite=["published", "published-backbones", "seeds"])
@pytest.mark.parametrize("model", MODELS)
def test_imagenet(model, build_model, modelbench):
    """At the image size that the weights were made for, which is where the published figures come from."""
    modelbench.accuracy(build_model(model, pretrained=True, batch_size=32))
