"""Measuring takes a model as it is and leaves it as it was, whatever its builder hands out, however it is written."""

import random

import numpy
import pytest
import torch
from torch import nn

from pytest_modelbench.bench.following import followed
from pytest_modelbench.core.errors import BuildError
from pytest_modelbench.measure.cost import static_cost
from pytest_modelbench.measure.memory import live_peak
from pytest_modelbench.models.build import build
from pytest_modelbench.models.training import TrainStep

CPU = torch.device("cpu")


def built(make, **options):
    return build(make, device=CPU, name="net", **{"image_size": 8, **options})


def count(model):
    return static_cost(model.module, model.forward)


def peak(model):
    return live_peak(model.forward, model.tensors()).peak_bytes


# --- whose module it is


def test_a_module_that_was_there_before_is_measured_as_a_copy():
    ours = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    weights = {name: value.clone() for name, value in ours.state_dict().items()}
    in_half, on_meta = built(lambda: ours, precision="bf16"), built(lambda: ours).on_meta()
    assert count(on_meta).parameters == 4 * 3 * 9 + 4 + 8
    in_half.forward_backward()
    assert ours.training
    assert all(torch.equal(value, weights[name]) for name, value in ours.state_dict().items())
    assert {tensor.dtype for tensor in ours.parameters()} == {torch.float32}
    assert {tensor.dtype for tensor in in_half.module.parameters()} == {torch.bfloat16}


@pytest.mark.parametrize("wrapped", [False, True])
def test_two_cases_over_one_module_are_two_modules(wrapped):
    ours = nn.Conv2d(3, 4, 3)

    def make():
        return nn.Sequential(ours, nn.ReLU()) if wrapped else ours

    one, other = built(make).module, built(make).module
    assert not {id(tensor) for tensor in one.parameters()} & {id(tensor) for tensor in other.parameters()}


def test_a_module_that_is_made_anew_is_not_copied():
    made = []

    def make():
        made.append(nn.Conv2d(3, 4, 3))
        return made[-1]

    assert built(make).module is made[0]


def test_a_module_that_cannot_be_copied_is_refused_with_the_way_out():
    class Alone(nn.Linear):
        def __deepcopy__(self, memo):
            raise TypeError("there can be only one")

    ours = Alone(3, 3)
    with pytest.raises(BuildError, match=r"a Alone that was there before.*only one.*make a new one each time"):
        _ = built(lambda: ours).module


# --- its numbers


class Fourier(nn.Module):
    """As a Fourier layer keeps its filter."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3, 8, 5, dtype=torch.complex64))

    def forward(self, images):
        return torch.fft.irfft2(torch.fft.rfft2(images) * self.weight, s=images.shape[-2:])


def test_complex_weights_stay_complex():
    module = built(Fourier).module
    assert module.weight.dtype == torch.complex64
    assert module.weight.imag.abs().sum() > 0
    assert built(Fourier, precision="bf16").module.weight.dtype == torch.complex64
    cost = count(built(Fourier).on_meta())
    assert (cost.parameters, cost.parameter_bytes) == (3 * 8 * 5, 3 * 8 * 5 * 8)


class Spoiling(nn.Conv2d):
    def __init__(self):
        super().__init__(3, 4, 3)

    def forward(self, images):
        return super().forward(images.add_(1))


def test_a_model_that_changes_its_input_sees_the_same_each_time():
    model = built(Spoiling)
    first = model.forward()
    with model.inference() as run:
        outputs = [run().clone() for _ in range(3)]
    model.forward_backward()
    assert all(torch.equal(first, output) for output in [*outputs, model.forward()])
    images = torch.zeros(1, 3, 8, 8)
    model.predict(images)
    assert not images.any()


def test_a_builder_and_a_pass_are_seeded_whatever_they_draw_from():
    class Drawing(nn.Module):
        def __init__(self):
            super().__init__()
            drawn = [random.random(), numpy.random.rand(), torch.rand(()).item()]
            self.weight = nn.Parameter(torch.tensor(drawn))

        def forward(self, images):
            return self.weight + random.random() + numpy.random.rand() + torch.rand(3)

    states = random.getstate(), numpy.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    one, other, third = (built(Drawing, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(one.forward(), one.forward())
    assert torch.equal(one.forward(), other.forward())
    assert not torch.equal(one.forward(), third.forward())
    assert not torch.equal(one.module.weight, third.module.weight)
    assert states == (random.getstate(), numpy.random.get_state()[1].tolist(), torch.get_rng_state().tolist())


# --- what it keeps


class Caching(nn.Module):
    """Keeps a table for the size that it sees first, the last output and a list of parts, and changes a buffer."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.register_buffer("seen", torch.zeros(()))
        self.table = None

    def forward(self, images):
        if self.table is None:
            self.table = torch.linspace(0, 1, images.shape[-1])
        output = self.conv(images * self.table)
        self.last, self.parts = output, {"all": [output]}
        self.seen = self.seen + 1
        return output


def test_a_model_can_be_trained_and_changed_after_it_was_measured():
    model = built(Caching)
    model.check_output(model.forward())
    with model.inference() as run:
        run()
        model.renew()
        run()
    module = model.module
    kept = [module.table, module.last, module.seen, module.parts["all"][0]]
    assert not any(tensor.is_inference() for tensor in kept)
    model.forward_backward()


# --- what can be followed


def test_frozen_parts_keep_nothing_for_the_backward_pass():
    def net(trained):
        pooled = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 2))
        module = nn.Sequential(nn.Conv2d(3, 64, 3), *(nn.Conv2d(64, 64, 3, padding=1) for _ in range(4)), pooled)
        module[:5].requires_grad_(trained)
        return module

    def held(trained):
        model = built(lambda: net(trained), image_size=64, batch_size=4).on_meta()
        return live_peak(model.forward_backward, model.tensors()).peak_bytes

    # Of feature maps, all of one size, two are alive at once where nothing is kept. Else what four layers are given
    # is kept for their weights, and a gradient is made of another.
    one = 4 * 64 * 62 * 62 * 4
    assert [round(held(trained) / one) for trained in (False, True)] == [2, 6]


def test_a_model_without_anything_to_train_says_so():
    with pytest.raises(BuildError, match="no parameters that take a gradient"):
        built(nn.Flatten).forward_backward()


def test_what_was_exported_cannot_be_trained_and_says_so():
    def make():
        return torch.export.export(nn.Conv2d(3, 4, 3).eval(), (torch.zeros(1, 3, 8, 8),)).module()

    with pytest.raises(BuildError, match=r"cannot be trained: what torch\.export made .*build the module that"):
        TrainStep(built(make)).__enter__()


def test_memory_inside_of_composite_operators_is_seen():
    class Similar(nn.Module):
        def forward(self, images):
            return nn.functional.cosine_similarity(images[:, :1], images)

    # An independent count: PyTorch's profiler on the CPU, of what is allocated and not yet freed.
    model = built(Similar, image_size=64, batch_size=8)
    images = sum(tensor.nbytes for tensor in model.inputs)
    with torch.profiler.profile(profile_memory=True) as profile, torch.no_grad():
        model.module(*model.inputs)
    total = most = 0
    for event in profile.profiler.kineto_results.events():
        if event.name() == "[memory]":
            total += event.nbytes()
            most = max(most, total)
    assert peak(model.on_meta()) - images == pytest.approx(most, rel=0.01)


def test_what_is_called_with_parameters_is_counted():
    class Query(nn.Module):
        def __init__(self):
            super().__init__()
            self.query = nn.Parameter(torch.randn(4, 8))
            self.project = nn.utils.parametrizations.weight_norm(nn.Linear(8, 8))

        def forward(self, images):
            return self.project(self.query.view(2, 2, 8)) + images.mean()

    assert count(built(Query).on_meta()).macs == 4 * 8 * 8


def test_lazy_modules_take_their_shape_from_what_they_see():
    def net():
        return nn.Sequential(nn.LazyConv2d(4, 3), nn.Flatten(), nn.LazyLinear(2))

    model = built(net)
    assert count(model.on_meta()).parameters == (3 * 9 * 4 + 4) + (4 * 36 * 2 + 2)
    assert torch.equal(model.module[0].weight, built(net).module[0].weight)


class Branching(nn.Conv2d):
    """Its way depends on what it sees, which meta tensors do not tell."""

    def __init__(self):
        super().__init__(3, 4, 3)

    def forward(self, images):
        output = super().forward(images)
        return output * 2 if output.sum() > 1e9 else output


def test_what_needs_values_is_followed_on_the_cpu():
    cost, where = followed(built(Branching), count)
    assert (where, cost.macs) == ("cpu", 4 * 6 * 6 * 27)
    assert followed(built(lambda: nn.Conv2d(3, 4, 3)), count)[1] == "meta"
    on_cpu, _ = followed(built(Branching), peak)
    # The weights, the images, the output, and twice it: it is dropped only once its double is there.
    assert on_cpu >= 4 * (4 * 27 + 4 + 3 * 64 + 4 * 36)


def test_what_is_wrong_everywhere_is_told_as_it_is_on_the_cpu():
    class Broken(nn.Module):
        def forward(self, images):
            raise RuntimeError("out of cheese")

    with pytest.raises(BuildError, match="cannot be run on cpu: RuntimeError: out of cheese"):
        followed(built(Broken), count)
