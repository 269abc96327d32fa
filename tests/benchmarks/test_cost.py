"""Parameters, their bytes and multiply-accumulates of the guide's backbones at 224 x 224."""

import pytest

from pytest_modelbench.published.backbones import QUICK, backbone_rows


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            name, marks=pytest.mark.modelbench(suite=["backbones", "quick"] if name in QUICK else ["backbones"])
        )
        for name in backbone_rows()
    ],
)
def test_cost(name, build_model, modelbench):
    modelbench.cost(build_model(name, image_size=224))
