"""Latency and throughput of the guide's backbones at 224 x 224."""

import pytest

from pytest_modelbench.published.backbones import BATCH_SIZES, BATCHED, QUICK, backbone_rows


def cases():
    """Every backbone at batch 1, and those of the guide's batch table at its batch sizes."""
    for name in backbone_rows():
        for batch_size in BATCH_SIZES if name in BATCHED else (1,):
            suites = ["batch"] if name in BATCHED else []
            if batch_size == 1:
                suites += ["backbones", "quick"] if name in QUICK else ["backbones"]
            yield pytest.param(name, batch_size, id=f"{name}-b{batch_size}", marks=pytest.mark.modelbench(suite=suites))


@pytest.mark.parametrize(("name", "batch_size"), list(cases()))
def test_inference(name, batch_size, build_model, modelbench):
    model = build_model(name, batch_size=batch_size, image_size=224)
    modelbench.latency(model)
    modelbench.throughput(model)
