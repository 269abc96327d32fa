"""What the sweep runs over, each as a `Subject`: a name of timm's or a module made by hand, and how it is built."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import timm
import torch
from machine import RESULTS
from timm.models import _registry
from torch import Tensor, nn

BATCH = 2
#: Names beside the smallest of each family, for what those do not have: other blocks, attention, norms, activations.
OTHERS = (
    "bat_resnext26ts", "beitv2_base_patch16_224", "botnet26t_256", "caformer_s18", "coatnet_nano_rw_224",
    "convnextv2_atto", "deit3_small_patch16_224", "dla60_res2net", "dm_nfnet_f0", "ecaresnet50t", "efficientnet_b0",
    "eva02_tiny_patch14_224", "fbnetc_100", "gernet_s", "gmixer_12_224", "gmlp_ti16_224", "halonet26t", "haloregnetz_b",
    "lambda_resnet26t", "maxvit_rmlp_nano_rw_256", "mixnet_s", "mobilenetv2_100", "mobileone_s0", "mobilevitv2_050",
    "nf_regnet_b0", "poolformer_s12", "regnety_002", "regnetz_b16", "repvgg_a0", "resmlp_12_224", "resnet50",
    "resnetblur50", "resnext50_32x4d", "sebotnet33ts_256", "seresnext26ts", "skresnet18", "swin_s3_tiny_224",
    "tf_efficientnetv2_b0", "tinynet_e", "vit_base_patch32_clip_224", "vit_pe_core_tiny_patch16_384",
    "vit_small_patch14_reg4_dinov2", "vit_tiny_patch16_224", "xcit_tiny_12_p16_224",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Subject:
    """One model of the sweep: ``make`` is it without the tool, ``build_arguments`` are what the tool is told."""

    name: str
    family: str
    size: int  #: of the image, in pixels
    make: Callable[[], nn.Module]
    build_arguments: Mapping[str, Any]
    channels: int = 3
    traits: frozenset[str] = field(default_factory=frozenset)

    def images(self) -> Tensor:
        """Seeded noise, ``(2, C, H, W)``, not made by the tool."""
        generator = torch.Generator().manual_seed(0)
        return torch.randn(BATCH, self.channels, self.size, self.size, generator=generator)


def family_of(name: str) -> str:
    """The module of timm that the model is defined in."""
    return str(_registry._model_to_module[name])


def build_options(name: str, size: int) -> dict[str, int]:
    """What timm has to be told to build a model for ``size``: nothing, for those that take any."""
    config = timm.get_pretrained_cfg(name)
    return {"img_size": size} if config.fixed_input_size and size != config.input_size[-1] else {}


def loss_of(output: object) -> Tensor:
    """The sum of all values of floating point tensors in what a model returns."""
    sums = [tensor.float().sum() for tensor in tensors_in(output)]
    return torch.stack(sums).sum()


def tensors_in(output: object) -> Iterator[Tensor]:
    """The floating point tensors that a model returns, whatever it packs them in; complex ones as pairs of reals."""
    if isinstance(output, Tensor):
        if output.is_complex():
            yield torch.view_as_real(output)
        elif output.is_floating_point():
            yield output
    elif isinstance(output, Mapping):
        for value in output.values():
            yield from tensors_in(value)
    elif isinstance(output, (list, tuple)):
        for value in output:
            yield from tensors_in(value)
    elif hasattr(output, "__dataclass_fields__"):
        for value in vars(output).values():
            yield from tensors_in(value)


def timm_subjects() -> Iterator[Subject]:
    """The names that `sweep_choose.py` chose."""
    chosen = json.loads((RESULTS / "sweep_choice.json").read_text())["chosen"]
    for name, one in chosen.items():
        if not timm.is_model(name.partition(".")[0]):
            continue  # chosen of a newer timm
        size, options = one["size"], build_options(name, one["size"])
        yield Subject(
            name,
            one["family"],
            size,
            functools.partial(timm.create_model, name, **options),
            {"model": name, "image_size": size, "batch_size": BATCH},
            timm.get_pretrained_cfg(name).input_size[0],
            frozenset(["copied"]),
        )


def handmade_subjects() -> Iterator[Subject]:
    """The modules of `handmade_modules.py` and `handmade_more.py`."""
    import handmade_modules
    import handmade_more

    for name, make in (handmade_modules.MODULES | handmade_more.MODULES).items():
        size = handmade_more.SIZES.get(name, 64)
        told = {"model": make, "name": name, "image_size": size, "batch_size": BATCH}
        # A builder that hands out what was there before would have one plain run see what another left behind.
        traits = frozenset(["copied"] if name == "existing" else [])
        yield Subject(name, "by hand", size, make, told, traits=traits)


def subjects() -> dict[str, Subject]:
    """All of them, by name."""
    return {subject.name: subject for subject in (*handmade_subjects(), *timm_subjects())}
