"""Every backbone that the benchmark guide pairs with a task builds, runs and trains, at a reduced size."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from pytest_modelbench.models.build import build

pytestmark = pytest.mark.slow

CPU = torch.device("cpu")
SWIN_T, SWIN_S, SWIN_B = (f"swin_{size}_patch4_window7_224" for size in ("tiny", "small", "base"))
VIT = "vit_base_patch16_224"

PAIRS: list[tuple[str, str, dict[str, Any]]] = [
    *(
        ("detection", backbone, {})
        for backbone in (
            "resnet50", "resnet101", "efficientnet_b0", "efficientnet_b3", "convnext_small", "mobilenetv3_small_100",
            "mobilenetv3_large_100", SWIN_T, SWIN_B, VIT,
        )
    ),
    ("detection", "mobilenetv3_large_100", {"fpn_channels": 128}),
    ("detection", SWIN_S, {"fpn_channels": 256}),
    ("detection", "resnet50", {"head": "retinanet"}),
    ("detection", "resnet50", {"head": "faster_rcnn"}),
    ("instance_segmentation", "resnet50", {}),
    ("instance_segmentation", SWIN_B, {}),
    ("instance_segmentation", VIT, {}),
    *(
        ("segmentation", backbone, {})
        for backbone in (
            "resnet50", "resnet101", "efficientnet_b0", "efficientnet_b3", "mobilenetv3_small_100", SWIN_T, SWIN_B,
        )
    ),
    ("segmentation", "resnet50", {"head": "fcn"}),
    ("segmentation", "mobilenetv3_large_100", {"head": "fcn"}),
    ("segmentation", VIT, {"head": "dpt"}),
]  # fmt: skip


#: Each task, head and kind of backbone once; the others only where there is time.
ALWAYS = {
    "detection-convnext_small", "detection-resnet50-faster_rcnn",
    "instance_segmentation-resnet50", "segmentation-efficientnet_b0", "segmentation-resnet50-fcn",
    f"segmentation-{SWIN_T}", f"segmentation-{VIT}-dpt",
}  # fmt: skip


def pair(task: str, backbone: str, options: dict[str, Any]) -> Any:
    name = "-".join([task, backbone, *map(str, options.values())])
    return pytest.param(task, backbone, options, id=name, marks=[] if name in ALWAYS else pytest.mark.long)


@pytest.mark.parametrize(("task", "backbone", "options"), [pair(*one) for one in PAIRS])
def test_backbone_of_the_guide_runs_and_trains(task, backbone, options):
    if task == "segmentation" and options.get("head") != "fcn":
        pytest.importorskip("segmentation_models_pytorch")
    model = build(backbone, device=CPU, task=task, image_size=64, batch_size=2, **options)
    output = model.forward()
    model.check_output(output)
    if task == "segmentation":
        assert output.shape == (2, 19, 64, 64)
    else:
        assert len(output) == 2
        assert ("masks" in output[0]) == (task == "instance_segmentation")
    model.forward_backward()
