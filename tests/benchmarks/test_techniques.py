"""What the techniques of the speed and memory comparison claim, at its batch sizes and 224 x 224.

Each claim is a ratio of two of its lines, ``after`` with the technique to ``before`` without. Memory is that of the
second training step, followed on the meta device. Figures are as printed: Mb of 2^20 bytes, and msecs.
"""

import math
from typing import NamedTuple

import pytest

pytestmark = pytest.mark.modelbench(suite="techniques")

#: How far the ratio found here may be from the published one.
TOLERANCE = 0.05


class Claim(NamedTuple):
    """Two lines of the comparison: the same model with one technique and with another, and their figures.

    ``saves_more`` says why more is saved than the lines say, where it is.
    """

    model: str
    batch_size: int
    techniques: tuple[str, str]
    memory: tuple[float, float]
    saves_more: str = ""

    @property
    def memory_ratio(self) -> float:
        return self.memory[1] / self.memory[0]


IN_PLACE = ("abn", "inplace_abn")
CHECKPOINT, CHECKPOINT_NOW = ("", "checkpoint_reentrant"), ("", "checkpoint")
CHECKPOINT_PRE = ("pre_activation", "pre_activation+checkpoint_reentrant")
CLAIMS = {
    "vgg16-inplace_abn": Claim(
        "vgg16_bn",
        128,
        IN_PLACE,
        (17732.86, 11857.39),
        "the peak moves from the end of the forward pass into the backward pass of the first stage, and there the line "
        "has 792 MiB that are no tensor of ours: what the extension and cuDNN took beside",
    ),
    "resnet50-inplace_abn": Claim("resnet50", 128, IN_PLACE, (10884.15, 8888.33)),
    "seresnext50-b128-inplace_abn": Claim("seresnext50_32x4d", 128, IN_PLACE, (16826.77, 10575.54)),
    "seresnext50-b64-inplace_abn": Claim("seresnext50_32x4d", 64, IN_PLACE, (8607.16, 5470.71)),
    "vgg16-checkpoint_reentrant": Claim("vgg16_bn", 128, CHECKPOINT, (17585.80, 13423.22)),
    "vgg16-pre_activation-checkpoint_reentrant": Claim("vgg16_bn", 128, CHECKPOINT_PRE, (17585.80, 13423.22)),
    "vgg16-checkpoint": Claim(
        "vgg16_bn",
        128,
        CHECKPOINT_NOW,
        (17585.80, 13423.22),
        "PyTorch's present checkpointing lets go of a segment's output before it goes backward through it",
    ),
    # Its swish kept its input only, as PyTorch's own does.
    "efficientnet_b1-relu": Claim("efficientnet_b1", 64, ("act=silu", "act=relu"), (7741.70, 5767.71)),
}
MISH = Claim("resnet34", 64, ("act=mish_naive", "act=mish_me"), (5846.58, 3739.84))


def peaks(claim, build_model, modelbench):
    """Bytes without and with the technique."""
    return [
        modelbench.train_peak(
            build_model(claim.model, batch_size=claim.batch_size, image_size=224, technique=technique),
            input="ones", name=side,
        ).peak_bytes
        for side, technique in zip(("before", "after"), claim.techniques, strict=True)
    ]  # fmt: skip


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=CLAIMS)
def test_memory_saving(claim, build_model, modelbench):
    """A technique saves the share of the peak that its two lines say, or more where there is a reason."""
    before, after = peaks(claim, build_model, modelbench)
    modelbench.record("memory_saving", 1 - after / before, unit="fraction", better="higher", band="0.5pp")
    assert after / before <= claim.memory_ratio * (1 + TOLERANCE)
    assert claim.saves_more or after / before >= claim.memory_ratio * (1 - TOLERANCE)


def test_memory_saving_of_mish(build_model, modelbench):
    """Memory-efficient Mish keeps its input only. Of naive Mish PyTorch kept more when the lines were published.

    Its softplus then kept its result beside its input, so naive Mish held two tensors more than Mish per activation,
    and holds one more today. With that second one the ratio is .647, the published .640; without it, .785.
    """
    before, after = peaks(MISH, build_model, modelbench)
    modelbench.record("memory_saving", 1 - after / before, unit="fraction", better="higher", band="0.5pp")
    kept_then = before - after
    assert after / (before + kept_then) == pytest.approx(MISH.memory_ratio, rel=TOLERANCE)


#: What is built at the reduced size besides: few weights in VGG's head, which would else be most of the time.
REDUCED = {
    "vgg16-checkpoint": {"mlp_ratio": 1 / 64, "name": "vgg16_bn_small_head"},
    "resnet50-inplace_abn": {},
}


@pytest.mark.parametrize("name", REDUCED)
def test_slowdown(name, build_model, modelbench):
    """What the memory costs in time: a training step with the technique, as a multiple of one without.

    Both against the reference workload; at the published size on an accelerator, with 4 images of 64 x 64 on a CPU.
    Published for one kind of GPU: VGG-16 checkpointed 847.33 / 652.89 = 1.298, ResNet-50 in place 479.64 / 447.21 =
    1.073. Checkpointing computes three of four segments' forward pass again, at most a third of a step's work.
    """
    claim, reduced = CLAIMS[name], REDUCED[name]
    size = {"batch_size": claim.batch_size, "image_size": 224}
    if modelbench.device.type == "cpu":
        size = {"batch_size": 4, "image_size": 64, **reduced}
    before, after = (
        modelbench.train_step(
            build_model(claim.model, technique=each, **size), input="ones", memory=False, name=side
        ).samples.whole.level
        for side, each in zip(("before", "after"), claim.techniques, strict=True)
    )
    modelbench.record(
        "slowdown", math.exp(after - before), unit="x", better="lower", band="10%", scope="device", noisy=True
    )
