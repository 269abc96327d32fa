"""What goes into a model that takes something else than three channels of an image."""

from __future__ import annotations

from collections import namedtuple

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from pytest_modelbench.bench.following import followed
from pytest_modelbench.bench.numerics import output_of
from pytest_modelbench.bench.peak import pass_peak, step_peak
from pytest_modelbench.core.errors import BuildError, UsageError
from pytest_modelbench.core.train_options import TrainOptions
from pytest_modelbench.measure.cost import static_cost
from pytest_modelbench.models.build import BuiltModel, build
from pytest_modelbench.models.inputs import Noise, input_maker
from pytest_modelbench.models.training import TrainStep

CPU, META = torch.device("cpu"), torch.device("meta")


class Masked(nn.Module):
    """Takes keyword arguments, one of them boolean, and returns a dict."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(50, 6)
        self.head = nn.Linear(6, 3)

    def forward(self, *, ids: Tensor, mask: Tensor, scale: float = 1.0) -> dict[str, Tensor]:
        weights = mask.to(self.embed.weight.dtype).unsqueeze(-1)
        return {"logits": self.head((self.embed(ids) * weights).mean(1)) * scale}


def tokens(batch_size: int, generator: torch.Generator) -> dict[str, object]:
    ids = torch.randint(50, (batch_size, 7), generator=generator)
    return {"ids": ids, "mask": ids > 9, "scale": 2.0}


class TwoImages(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 4, 3)

    def forward(self, left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
        return self.conv(left), self.conv(right)


def built(model, **given) -> BuiltModel:
    return build(model, device=CPU, test_module=__name__, **given)


@pytest.mark.parametrize(
    ("model", "inputs", "case_id", "macs"),
    [
        (lambda: nn.Conv1d(1, 8, 16), (1, 100), "net-b2-1x100-fp32", 2 * 85 * 8 * 16),
        (lambda: nn.Conv3d(3, 2, 3), (3, 4, 8, 8), "net-b2-3x4x8x8-fp32", 2 * 2 * 36 * 2 * 3 * 27),
        (lambda: nn.Linear(3, 5), [1024, 3], "net-b2-1024x3-fp32", 2 * 1024 * 15),
        (TwoImages, [(2, 8, 8), (2, 5, 5)], "net-b2-2x8x8+2x5x5-fp32", 2 * (36 + 9) * 2 * 4 * 9),
        (TwoImages, {"left": (2, 8, 8), "right": (2, 5, 5)}, "net-b2-left=2x8x8+right=2x5x5-fp32", 2 * 45 * 2 * 4 * 9),
        (Masked, tokens, "net-b2-ids=7+mask=7-fp32", 2 * 6 * 3),
        (
            lambda: nn.Linear(4, 1),
            lambda batch_size, generator: torch.rand(batch_size, 4, generator=generator),
            "net-b2-4-fp32",
            2 * 4,
        ),
        (lambda: nn.Bilinear(2, 3, 1), lambda n, g: (torch.rand(n, 2), torch.rand(n, 3)), "net-b2-2+3-fp32", None),
    ],
    ids=["audio", "video", "points", "two arguments", "keywords", "tokens and mask", "a function", "not its generator"],
)
def test_every_measure_without_labels_takes_it(model, inputs, case_id, macs):
    net = built(model, inputs=inputs, batch_size=2, name="net")
    assert net.case.id == case_id
    cost, where = followed(net, lambda bare: static_cost(bare.module, bare.forward))
    assert where == "meta"
    if macs is not None:
        assert cost.macs == macs
    assert pass_peak(net, backward=False).live.peak_bytes > 0
    assert pass_peak(net, backward=True).recipe == "meta, gradients of weights alone"
    assert step_peak(net, TrainOptions()).live.peak_bytes > 0
    with net.inference() as run:
        run()
    net.forward_backward()
    assert output_of(net) == output_of(built(model, inputs=inputs, batch_size=2, name="net"))
    with TrainStep(net) as step:
        step()
        assert step.check_loss() is not None
        assert step.images == 2


def test_values_are_those_of_the_seed_on_every_device_and_the_type_follows_the_precision():
    one = built(Masked, inputs=tokens, batch_size=3).arguments
    assert one.equals(built(Masked, inputs=tokens, batch_size=3).arguments)
    assert not one.equals(built(Masked, inputs=tokens, batch_size=3, seed=1).arguments)
    halved = built(lambda: nn.Linear(4, 1), name="net", inputs=(4,), precision="bf16")
    assert halved.inputs[0].dtype == torch.bfloat16
    assert halved.forward().dtype == torch.bfloat16
    mixed = built(Masked, inputs=tokens, precision="bf16").arguments.keywords
    assert (mixed["ids"].dtype, mixed["mask"].dtype, mixed["scale"]) == (torch.int64, torch.bool, 2.0)


def test_a_function_that_draws_from_torchs_own_generator_is_seeded_as_well():
    def drawn(batch_size, generator):
        return torch.rand(batch_size, 4)

    one, two = (built(lambda: nn.Linear(4, 1), name="net", inputs=drawn).inputs[0] for _ in range(2))
    assert torch.equal(one, two)


def test_on_meta_noise_has_a_shape_and_no_values():
    model = built(TwoImages, inputs=[(2, 8, 8), (2, 5, 5)], batch_size=4).on_meta()
    assert [(one.shape, one.device) for one in model.inputs] == [((4, 2, 8, 8), META), ((4, 2, 5, 5), META)]


def test_what_is_nested_is_moved_and_named():
    pair = namedtuple("pair", "image scale")

    def batch(batch_size, generator):
        return ({"views": [torch.rand(batch_size, 2), torch.rand(3, 5)]}, pair(torch.rand(batch_size, 1), 1.0))

    model = built(lambda: nn.Identity(), name="net", inputs=batch, batch_size=2)
    assert model.case.id == "net-b2-views=2x2+views=3x5+1-fp32"
    moved = model.on_meta().inputs
    assert moved[0]["views"][1].device == moved[1].image.device == META
    assert type(moved[1]).__name__ == "pair"


def detector_batch(batch_size, generator):
    images = [torch.rand(3, 8, 6, generator=generator) for _ in range(batch_size)]
    return images, [{"boxes": torch.tensor([[1.0, 1.0, 4.0, 4.0]]), "labels": torch.tensor([1])} for _ in images]


@pytest.mark.parametrize("batch_size", [1, 2, 3])
def test_a_batch_that_is_a_list_is_told_by_one_sample(batch_size):
    model = built(lambda: nn.Identity(), name="net", inputs=detector_batch, batch_size=batch_size)
    assert model.case.inputs == "3x8x6+boxes=1x4+labels=1"


def test_what_is_alike_is_told_once():
    model = built(lambda: nn.Identity(), name="net", inputs=[(3, 8, 8)] * 3, batch_size=2)
    assert model.case.inputs == "3*3x8x8"


def test_images_in_other_memory_formats_stay_images():
    model = built(TwoImages, inputs=[(2, 8, 8), (2, 5, 5)], batch_size=2, channels_last=True)
    assert all(one.is_contiguous(memory_format=torch.channels_last) for one in model.inputs)


def test_a_technique_is_found_by_running_it_on_the_same():
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm, self.act = nn.Conv2d(5, 4, 3), nn.BatchNorm2d(4), nn.ReLU()

        def forward(self, images: Tensor) -> Tensor:
            return self.act(self.norm(self.conv(images)))

    model = built(Net, inputs=(5, 8, 8), technique="inplace_abn")
    assert model.case.id == "Net-b1-5x8x8-fp32-inplace_abn"
    assert model.forward().shape == (1, 4, 6, 6)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ((), r"inputs=\(\): write the shape of one sample"),
        ((0, 4), r"inputs=\(0, 4\): write the shape"),
        ((True, 4), "write the shape"),
        ("3x32x32", "inputs='3x32x32': write the shape"),
        ({"image": 3}, "write the shape"),
        ({1: (3, 4)}, "write the shape"),
        ([(3, 4), 5], "write the shape"),
        (lambda batch_size, generator: None, "inputs= returns NoneType without a tensor in it"),
        (lambda batch_size, generator: {"scale": 1.0}, "inputs= returns dict without a tensor in it"),
        (lambda batch_size: None, "inputs= fails when it is called with batch_size=2 and a torch.Gen.*TypeError"),
    ],
)  # fmt: skip
def test_inputs_that_cannot_be_made_are_refused_at_the_call(inputs, message):
    with pytest.raises((UsageError, BuildError), match=message):
        built(Masked, inputs=inputs, batch_size=2)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"image_size": 32}, "inputs= and image_size= both say what goes in; keep one"),
        ({"task": "detection"}, "inputs= cannot be with task='detection'"),
    ],
)
def test_inputs_that_contradict_the_rest_are_refused(given, message):
    with pytest.raises(UsageError, match=message):
        build("resnet18", device=CPU, inputs=(3, 32, 32), **given)


@pytest.mark.parametrize(
    "use",
    [
        lambda model: model.predict(torch.rand(1, 3, 4, 4)),
        lambda model: output_of(model, torch.rand(1, 3, 4, 4)),
        lambda model: TrainStep(model, TrainOptions(input="ones")).__enter__(),
    ],
)
def test_images_are_not_fed_to_it(use):
    with pytest.raises(UsageError, match="was built with inputs= of its own, and images cannot be fed to it here"):
        use(built(Masked, inputs=tokens))


SHAPES = st.lists(st.integers(1, 4), min_size=1, max_size=4).map(tuple)


@given(shapes=st.lists(SHAPES, min_size=1, max_size=3, unique=True), batch_size=st.integers(1, 3))
def test_shapes_are_those_of_the_case(shapes, batch_size):
    noise = input_maker(shapes if len(shapes) > 1 else shapes[0])
    assert isinstance(noise, Noise)
    made = noise(batch_size, torch.Generator())
    assert [tuple(one.shape) for one in made.tensors()] == [(batch_size, *shape) for shape in shapes]
    assert made.shape(batch_size) == "+".join("x".join(map(str, shape)) for shape in shapes)
