"""What the guide consists of: chapters, the tables of the catalog in each, and how each table is made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from pytest_modelbench.published.catalog.rows import Table
from pytest_modelbench.published.guide.archive import Archive
from pytest_modelbench.published.guide.figure_table import GuideBlock, TableStyle, figure_table
from pytest_modelbench.published.guide.measures import LATENCY, PARAMETERS, THROUGHPUT
from pytest_modelbench.published.guide.recommendations import (
    accuracy_table,
    batch_table,
    hardware_table,
    recommendation_table,
)
from pytest_modelbench.published.guide.speedup import speedup_table, tips_table

Make = Callable[[Table, Sequence[Table], Archive], GuideBlock]


@dataclass(frozen=True, slots=True)
class Part:
    """One table of the catalog in the guide; ``make`` makes it.

    ``suites`` name what measures it, and ``device`` the kind that they have to run on, empty for any.
    """

    table: str
    suites: str
    make: Make
    title: str = ""  #: in place of the table's own
    device: str = ""
    noted: bool = True  #: whether the table's note stands below


@dataclass(frozen=True, slots=True)
class Chapter:
    """Tables under one heading. ``merged`` ones become one table, the rows of all under the columns of the first."""

    title: str
    text: str
    parts: tuple[Part, ...] = ()
    merged: tuple[str, ...] = ()
    suites: str = ""


def _plain(table: Table, _: Sequence[Table], archive: Archive) -> GuideBlock:
    return figure_table(table, archive)


def _configurations(table: Table, _: Sequence[Table], archive: Archive) -> GuideBlock:
    style = TableStyle(words=("backbone", "fpn_channels"), besides=((PARAMETERS,), (THROUGHPUT,)))
    return figure_table(table, archive, style=style)


def _code(table: Table, _: Sequence[Table], archive: Archive) -> GuideBlock:
    return figure_table(table, archive, style=TableStyle(besides=((PARAMETERS,), (LATENCY,), (THROUGHPUT,))))


def _alone(
    make: Callable[[Table, Archive], GuideBlock], table: Table, _: Sequence[Table], archive: Archive
) -> GuideBlock:
    return make(table, archive)


def _batches(_: Table, tables: Sequence[Table], archive: Archive) -> GuideBlock:
    return batch_table(tables, archive)


CHAPTERS = (
    Chapter(
        "Backbone comparison",
        "Classifiers with the 1000 classes of ImageNet, at 224 x 224.",
        (
            Part("backbones-cnn", "backbones,published-backbones", _plain, "CNN backbones"),
            Part("backbones-transformer", "backbones,published-backbones", _plain, "Transformer backbones"),
        ),
    ),
    Chapter(
        "Inference speed",
        "A forward pass in inference mode; the device has finished when the clock is read.",
        (
            Part("inference-by-device", "backbones", _plain, "Classification, by device"),
            Part("batch-speedup", "batch", partial(_alone, speedup_table), "What batches bring"),
            Part("detection-speed", "published-detection", _plain, "Detection"),
        ),
    ),
    Chapter(
        "Memory",
        "Peak memory is what PyTorch keeps alive at once, followed on the meta device: that needs no accelerator and "
        "is the same on every machine. Libraries' workspaces and the device's own context come on top.",
        (
            Part("memory-by-task", "published", _plain, "By task"),
            Part("memory-by-backbone", "published", _plain, "By backbone"),
            Part("memory-tips", "published", partial(_alone, tips_table), "What saves memory"),
        ),
    ),
    Chapter(
        "Classification results",
        "Training to an accuracy, and accuracy of pretrained weights.",
        (
            Part("cifar10", "published-training", _plain, device="cuda"),
            Part("cifar100", "published-training", _plain, device="cuda"),
            Part("imagenet", "published-backbones", _plain, "ImageNet-1K"),
        ),
    ),
    Chapter(
        "Object detection",
        "Detectors with a feature pyramid over a backbone.",
        (
            Part("coco-detection", "published-detection", _plain, "Accuracy and memory on COCO"),
            Part("detection-accuracy-speed", "published-detection", _plain, "Speed against accuracy"),
            Part("detection-configurations", "published-detection", _configurations, "Configurations"),
        ),
    ),
    Chapter(
        "Semantic segmentation",
        "One class for each pixel.",
        (
            Part("cityscapes", "published-segmentation", _plain, "Accuracy and memory on Cityscapes"),
            Part("voc", "published-segmentation", _plain, "Pascal VOC"),
            Part("segmentation-speed", "published-segmentation", _plain, "Speed against quality of masks"),
        ),
    ),
    Chapter(
        "Training techniques",
        "Training steps of the speed and memory comparison: forward, backward, and SGD with momentum 0.9.",
        merged=(
            "vgg16-abn",
            "vgg16-postact",
            "vgg16-preact",
            "resnet50-abn",
            "seresnext50-abn-128",
            "seresnext50-abn-64",
            "efficientnet-rwightman",
            "efficientnet-b1-activations",
            "efficientnet-lukemelas",
            "resnet50-baseline",
            "resnet50-amp",
            "resnet34-activations",
            "methodology",
        ),
        suites="published-techniques",
    ),
    Chapter(
        "Recommendations",
        "Computed from the figures above by the rules that stand below each table; other rules give other answers. "
        "Times count only where images were as large as those that accuracies were published for: on smaller ones a "
        "model takes a fraction of its time.",
        (
            Part("use-cases", "backbones", recommendation_table, "By use case"),
            Part(
                "by-hardware", "backbones,published-training", hardware_table, "By memory of the hardware", device="cpu"
            ),
            Part("by-hardware", "published-training", _batches, "Largest batch by memory", noted=False),
            Part("by-accuracy", "backbones,published", accuracy_table, "By accuracy", device="cuda"),
            Part("by-training-time", "published-training", recommendation_table, "By training time", device="cuda"),
        ),
    ),
    Chapter(
        "Benchmark code",
        "What the published guide's own code measures, and with which parameters.",
        (
            Part("benchmark-code", "published-backbones", _code, "Backbones, with 10 classes"),
            Part("benchmark-parameters", "published-backbones", _plain, "Parameters"),
        ),
    ),
)
