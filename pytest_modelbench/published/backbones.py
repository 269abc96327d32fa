"""The backbones of the suites quick, backbones and batch: those of the benchmark guide."""

from __future__ import annotations

from pytest_modelbench.published.catalog.rows import PublishedRow
from pytest_modelbench.published.catalog.tables import table

#: The four of the guide's own benchmark code.
QUICK = ("mobilenetv3_small_100", "efficientnet_b0", "resnet50", "vit_base_patch16_224")

#: The two of the guide's table of batch sizes.
BATCHED = ("resnet50", "vit_base_patch16_224")
BATCH_SIZES = (1, 8, 32)


def backbone_rows() -> dict[str, PublishedRow]:
    """The rows of the guide's two tables of backbones, by the name of the timm model."""
    rows = [row for id in ("backbones-cnn", "backbones-transformer") for row in table(id).rows]
    return {row.case.model: row for row in rows if row.case is not None}
