"""Cases of the catalog: what has to be built and measured for a published row, as arguments of ``build_model``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pytest_modelbench.core.case import Case
from pytest_modelbench.core.tasks import USUAL_CLASSES, headed
from pytest_modelbench.core.train_options import TrainOptions

MODES = ("inference", "train")

#: The short side of reduced images. 64 is a multiple of every stride and patch size among the catalog's models (32, and
#: 16 for ViT; Swin pads its 7 x 7 windows). Detectors get 128, the stride of their coarsest pyramid level.
REDUCED_SIDE = {"classification": 64, "detection": 128, "instance_segmentation": 128, "segmentation": 64}
#: Images of a reduced batch. Batch normalization over one value, as in the pooling branch of DeepLabV3+, refuses to
#: train on a batch of one.
REDUCED_BATCH = 2
#: Arguments of the builder, by how the model's name begins. Nine tenths of VGG's weights are in its head, and a step on
#: two small images would be about nothing else.
REDUCED_OPTIONS: Mapping[str, Mapping[str, Any]] = {"vgg": {"mlp_ratio": 1 / 64}}


@dataclass(frozen=True, slots=True)
class CaseSpec:
    """One thing to build and measure. ``image_size`` is (height, width).

    ``model`` is a timm name or ``package.module:callable``; with a task it is the backbone and ``head`` what stands on
    it. ``fpn_channels`` and ``num_classes`` None: what the task takes by itself. ``mode`` is inference or train; a
    train step puts ``accumulate`` batches together, and is fed ``input``, noise or ones. ``options`` are further
    arguments of the builder. ``name`` is what results call the model, where its own name will not do.
    """

    model: str
    batch_size: int
    image_size: tuple[int, int]
    task: str = "classification"
    head: str = ""
    fpn_channels: int | None = None
    num_classes: int | None = None
    precision: str = "fp32"
    technique: tuple[str, ...] = ()
    mode: str = "inference"
    accumulate: int = 1
    input: str = "noise"
    options: tuple[tuple[str, Any], ...] = ()
    name: str = ""

    @property
    def source_name(self) -> str:
        """What results call the model: ``resnet50``, ``fcos_resnet50_fpn128``, ``resnet50_10classes``."""
        if self.name:
            return self.name
        model = self.model.rpartition(":")[2]
        return (headed(self.head, model, self.fpn_channels) if self.head else model) + self._classes

    @property
    def _classes(self) -> str:
        """Two heads of different size must not share a name, and so a baseline."""
        usual = (None, USUAL_CLASSES[self.task])
        return f"_{self.num_classes}classes" if self.num_classes not in usual else ""

    def case(self) -> Case:
        """The case that results list it under, at this very size."""
        case = Case(
            self.source_name, self.batch_size, self.image_size, self.precision, self.task, self.mode,
            "+".join(self.technique),
        )  # fmt: skip
        return TrainOptions(**self.train_arguments()).case(case) if self.mode == "train" else case

    @property
    def id(self) -> str:
        """Readable and unique in the catalog: ``fcos_resnet50-b1-640-fp32-detection``."""
        return self.case().id

    def build_arguments(self) -> dict[str, Any]:
        """Keyword arguments for ``build_model``."""
        arguments: dict[str, Any] = {
            "model": self.model,
            "batch_size": self.batch_size,
            "image_size": self.image_size,
            "precision": self.precision,
            **dict(self.options),
        }
        if self.task != "classification":
            arguments |= {"task": self.task, "head": self.head}
        for key in ("fpn_channels", "num_classes"):
            if (value := getattr(self, key)) is not None:
                arguments[key] = value
        if self.technique:
            arguments["technique"] = list(self.technique)
        # A builder would be named by its module, too.
        if self.name or self._classes or ":" in self.model:
            arguments["name"] = self.source_name
        return arguments

    def train_arguments(self) -> dict[str, Any]:
        """Keyword arguments for ``modelbench.train_step``."""
        return {"input": self.input, "accumulate": self.accumulate}

    def reduced(self) -> CaseSpec:
        """The case at a size that a CPU does in about a second: small images of the same shape, two at most.

        A model that is built narrower for it has another name.
        """
        side = REDUCED_SIDE[self.task]
        short = min(self.image_size)
        height, width = (side * length // short for length in self.image_size)
        narrower = next((found for name, found in REDUCED_OPTIONS.items() if self.source_name.startswith(name)), {})
        return replace(
            self,
            options=tuple(sorted({**dict(self.options), **narrower}.items())),
            name=f"{self.source_name}_narrow" if narrower else self.name,
            image_size=(height, width) if short > side else self.image_size,
            batch_size=min(self.batch_size, REDUCED_BATCH) if self.mode == "inference" else REDUCED_BATCH,
            # CPUs that compute in half precision are rare; autocast's own type there is bf16.
            precision="amp-bf16" if self.precision == "amp-fp16" else self.precision,
        )
