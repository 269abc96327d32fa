"""What build() accepts, refuses and works out, before any module is made."""

from __future__ import annotations

import functools
import sys

import pytest
import torch
from torch import nn

from pytest_modelbench.core.errors import BuildError, UnavailableError, UsageError
from pytest_modelbench.models.build import build
from pytest_modelbench.models.options import BuildOptions

CPU = torch.device("cpu")


def tiny(width: int = 2) -> nn.Module:
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, width))


@pytest.mark.parametrize(
    ("name", "arguments", "case_id"),
    [
        ("test_resnet", {}, "test_resnet-b1-160-fp32"),
        ("resnet18.a1_in1k", {"batch_size": 8}, "resnet18.a1_in1k-b8-224-fp32"),
        ("efficientnet_b1", {}, "efficientnet_b1-b1-240-fp32"),
        ("resnet18", {"image_size": (96, 128), "precision": "bf16"}, "resnet18-b1-96x128-bf16"),
        ("resnet18", {"precision": "amp"}, "resnet18-b1-224-amp-bf16"),
        ("resnet18", {"channels_last": True, "compile": True}, "resnet18-b1-224-fp32-channels_last+compile"),
        ("resnet18", {"compile": {"mode": "max-autotune"}}, "resnet18-b1-224-fp32-compile(mode=max-autotune)"),
        ("vit_tiny_patch16_224", {"img_size": 96}, "vit_tiny_patch16_224-b1-96-fp32"),
        ("resnet18", {"name": "mine"}, "mine-b1-224-fp32"),
        (tiny, {}, "tiny-b1-224-fp32"),
        (functools.partial(tiny, 3), {"image_size": 32}, "tiny-b1-32-fp32"),
    ],
)
def test_case_says_what_will_be_measured(name, arguments, case_id):
    assert build(name, device=CPU, test_module=__name__, **arguments).case.id == case_id


def test_amp_is_fp16_on_cuda():
    assert build("test_resnet", device=torch.device("cuda"), precision="amp").case.precision == "amp-fp16"


def test_nothing_is_built_before_it_is_needed():
    calls = []
    model = build(lambda: calls.append(1) or tiny(), device=CPU, name="lazy")
    _ = model.inputs, model.case
    assert calls == []
    _ = model.module, model.module
    assert calls == [1]


@pytest.mark.parametrize(
    ("model", "arguments", "message"),
    [
        ("resnet81", {}, "has no model 'resnet81'. Did you mean 'resnet18'"),
        ("test_resnet.r160", {}, "not with tag 'r160'. Did you mean 'test_resnet.r160_in1k'"),
        (3, {}, "model=3: pass a timm name, a callable"),
        ("resnet18", {"batch_size": 0}, "batch_size=0: write a whole number, 1 or more"),
        ("resnet18", {"batch_size": True}, "batch_size=True"),
        ("resnet18", {"batch_size": 2.0}, "batch_size=2.0"),
        ("resnet18", {"seed": -1}, "seed=-1: write a whole number, 0 or more"),
        ("resnet18", {"image_size": 0}, "image_size=0: write one positive whole number, or a pair"),
        ("resnet18", {"image_size": True}, "image_size=True"),
        ("resnet18", {"image_size": (224,)}, r"image_size=\(224,\)"),
        ("resnet18", {"image_size": "224"}, "image_size='224'"),
        ("resnet18", {"precision": "bf61"}, "unknown precision 'bf61'.* Did you mean 'bf16'"),
        ("resnet18", {"precision": None}, "unknown precision None"),
        ("resnet18", {"name": " "}, "name=' '"),
        ("resnet18", {"compile": {"mod": "x"}}, "torch.compile has no argument 'mod'; it has .*mode"),
        ("resnet18", {"compile": "max-autotune"}, "compile='max-autotune'"),
        ("resnet18", {"checkpoint": "absent.pth"}, "there is no checkpoint file 'absent.pth'"),
        ("resnet18", {"checkpoint": "samples"}, "for tf_efficientnet_lite0, not for resnet18"),
        ("tf_efficientnet_lite0", {"checkpoint": "samples", "pretrained": True}, "exclude each other"),
        (tiny, {"pretrained": True}, "pretrained=True is for timm names"),
        (lambda: None, {}, "a lambda has no name .* pass name="),
        ("json:lod", {}, "json has no 'lod'. Did you mean 'load'"),
        ("json:decoder", {}, "this is module, not a callable"),
        ("no_such_package.models:net", {}, "there is no module 'no_such_package'"),
        ("json:", {}, "write a timm name, or package.module:callable"),
        ("hf-hub:timm/x", {}, "a function that returns timm.create_model"),
    ],
)
def test_wrong_argument_is_refused_at_the_call(model, arguments, message):
    with pytest.raises(UsageError, match=message):
        build(model, device=CPU, **arguments)


@pytest.fixture
def module_file(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path / "my_models.py"
    sys.modules.pop("my_models", None)


def test_reference_to_a_builder_is_imported_and_gets_the_arguments(module_file):
    module_file.write_text("import torch\nclass Nets:\n    linear = torch.nn.Linear\n")
    model = build("my_models:Nets.linear", device=CPU, in_features=3, out_features=7)
    assert model.case.model == "my_models.Nets.linear"
    assert model.module.weight.shape == (7, 3)


@pytest.mark.parametrize(
    ("text", "cause"), [("import no_such_thing", "No module named 'no_such_thing'"), ("1 / 0", "ZeroDivisionError")]
)
def test_module_that_fails_to_import_is_not_called_missing(module_file, text, cause):
    module_file.write_text(text)
    with pytest.raises(BuildError, match=f"importing 'my_models' fails: .*{cause}"):
        build("my_models:net", device=CPU)


def test_a_graph_is_for_cuda_and_shows_in_the_case() -> None:
    with pytest.raises(UnavailableError, match="cuda_graph=True needs a CUDA device, and this is cpu: --device=cuda"):
        build("test_resnet", device=torch.device("cpu"), cuda_graph=True)
    assert BuildOptions(cuda_graph=True, channels_last=True).placements() == ["channels_last", "cuda_graph"]
