"""What models compute: four backbones with seeded weights on seeded noise, and the sample models of all tasks.

Another processor sums in another order: with SSE4.1 and AVX2 in place of AVX-512, outputs differ by 3e-6 of their root
mean square at most, where 1e-3 is tolerated.
"""

import pytest

from pytest_modelbench.published.backbones import QUICK
from pytest_modelbench.samples import SAMPLE_MODELS

#: Those that find objects, of which there are none in noise.
DETECTORS = ("detection", "instance_segmentation")


@pytest.mark.modelbench(suite=["quick", "accuracy"])
@pytest.mark.parametrize("name", QUICK)
def test_backbone(name, build_model, modelbench):
    modelbench.numerics(build_model(name, image_size=224))


@pytest.mark.modelbench(suite="accuracy")
@pytest.mark.parametrize("task", SAMPLE_MODELS)
def test_sample(task, build_model, modelbench):
    import torch

    from pytest_modelbench.data.scenes import scenes

    wanted = SAMPLE_MODELS[task]
    model = build_model(wanted.model, checkpoint="scenes", batch_size=2, **wanted.arguments)
    images = torch.stack([one.image for one in scenes(2)]) / 255 if task in DETECTORS else None
    modelbench.numerics(model, images)
