"""ImageNet accuracy of the benchmark guide's backbones: pretrained weights on the images of --modelbench-data."""

import pytest

from pytest_modelbench.published.backbones import backbone_rows


@pytest.mark.modelbench(suite=["published", "published-backbones", "seeds"])
@pytest.mark.parametrize("model", backbone_rows())
def test_imagenet(model, build_model, modelbench):
    """At the image size that the weights were made for, which is where the published figures come from."""
    modelbench.accuracy(build_model(model, pretrained=True, batch_size=32))
