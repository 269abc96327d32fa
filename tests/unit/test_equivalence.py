"""Variants of one model compute the same: properties over shapes and seeds, on small timm models."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_modelbench.measure.numerics import fingerprint
from pytest_modelbench.models.build import build
from pytest_modelbench.models.outputs import floating_tensors
from tests.unit.fingerprints import largest_difference

CPU = torch.device("cpu")
#: timm's models for tests: a residual net, a net of depthwise convolutions, a transformer.
MODELS = ["test_resnet", "test_efficientnet", "test_vit"]
FEW = settings(max_examples=5, deadline=None)
SIZES = st.sampled_from([64, 96, 160])


def apart(one, other):
    """The largest difference of two outputs, as a share of their root mean square."""
    outputs = [fingerprint(tensor for _, tensor in floating_tensors(built.forward())) for built in (one, other)]
    return largest_difference(*outputs)


def pair(name, size, seed, batch_size=2, **changes):
    # A transformer's position embeddings are laid out for one size.
    common = {"device": CPU, "batch_size": batch_size, "image_size": 160 if "vit" in name else size, "seed": seed}
    return build(name, **common), build(name, **common, **changes)


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
@FEW
@given(size=SIZES, seed=st.integers(0, 1000))
def test_channels_last_computes_the_same(name, size, seed):
    assert apart(*pair(name, size, seed, channels_last=True)) < 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
@FEW
@given(size=SIZES, seed=st.integers(0, 1000))
def test_autocast_computes_nearly_the_same(name, size, seed):
    assert 0 < apart(*pair(name, size, seed, precision="amp-bf16")) < 0.1


@pytest.mark.slow
@pytest.mark.parametrize("name", [MODELS[0], *(pytest.param(name, marks=pytest.mark.long) for name in MODELS[1:])])
@settings(max_examples=2, deadline=None)
@given(seed=st.integers(0, 1000))
def test_a_compiled_model_computes_the_same(name, seed):
    """Captured and traced with autograd, without the code generator, which needs a C++ compiler."""
    torch._dynamo.reset()
    assert apart(*pair(name, 96, seed, compile={"backend": "aot_eager"})) < 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
@FEW
@given(size=SIZES, seed=st.integers(0, 1000), batch_size=st.integers(2, 5))
def test_an_image_is_judged_alike_alone_and_among_others(name, size, seed, batch_size):
    model, _ = pair(name, size, seed, batch_size)
    (images,) = model.inputs
    together = model.predict(images)
    alone = torch.cat([model.predict(image[None]) for image in images])
    assert largest_difference(fingerprint([together]), fingerprint([alone])) < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_other_weights_are_seen(name):
    assert apart(build(name, device=CPU, seed=1), build(name, device=CPU, seed=2)) > 0.1
