"""Accuracy on real labelled photos."""

import pytest

from pytest_modelbench.published.backbones import QUICK


@pytest.mark.modelbench(suite=["quick", "accuracy"])
def test_photos(build_model, modelbench):
    """Real ImageNet weights on 20 photos; both come as packages (the extra 'samples').

    Every photo counts: ImageNet's means and deviations in place of the model's own lose three, none at all lose one.
    """
    model = build_model("tf_efficientnet_lite0", checkpoint="samples", batch_size=20)
    modelbench.accuracy(model, "photos", band="exact")


@pytest.mark.modelbench(suite="accuracy")
@pytest.mark.parametrize("name", QUICK)
def test_image_folder(name, build_model, modelbench):
    """Pretrained weights on the images given by --modelbench-data."""
    modelbench.accuracy(build_model(name, pretrained=True, batch_size=32))
