"""AutoTimm's models, gated. Beside this file: pytest --modelbench --modelbench-suite=autotimm"""

import pytest

BACKBONES = ["resnet18", "efficientnet_b0"]


@pytest.mark.modelbench(suite="autotimm")
@pytest.mark.parametrize("backbone", BACKBONES)
def test_classifier(backbone, build_model, modelbench):
    model = build_model("zoo:classifier", name=f"autotimm_{backbone}", backbone=backbone)
    modelbench.latency(model)
    modelbench.peak_memory(model, backward=True)
    modelbench.cost(model)


@pytest.mark.modelbench(suite="autotimm")
@pytest.mark.parametrize(("task", "size"), [("detector", 320), ("segmentor", 256)])
@pytest.mark.parametrize("backbone", BACKBONES)
def test_dense(task, size, backbone, build_model, modelbench):
    model = build_model(f"zoo:{task}", name=f"autotimm_{task}_{backbone}", backbone=backbone, image_size=size)
    modelbench.latency(model)
    modelbench.peak_memory(model)
    modelbench.cost(model)
