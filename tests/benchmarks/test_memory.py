"""Peak memory of the guide's backbones at 224 x 224, forward and forward + backward."""

import pytest

from pytest_modelbench.published.backbones import BATCH_SIZES, QUICK, backbone_rows


def suites(name, batch_size):
    return ["backbones", "quick"] if name in QUICK and batch_size == 32 else ["backbones"]


@pytest.mark.parametrize(
    ("name", "batch_size"),
    [
        pytest.param(name, size, id=f"{name}-b{size}", marks=pytest.mark.modelbench(suite=suites(name, size)))
        for name in backbone_rows()
        for size in BATCH_SIZES
    ],
)
def test_forward(name, batch_size, build_model, modelbench):
    modelbench.peak_memory(build_model(name, batch_size=batch_size, image_size=224))


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.modelbench(suite=suites(name, 32))) for name in backbone_rows()],
)
def test_forward_backward(name, build_model, modelbench):
    modelbench.peak_memory(build_model(name, batch_size=32, image_size=224), backward=True)
