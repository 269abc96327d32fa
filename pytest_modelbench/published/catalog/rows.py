"""A published table as values: rows, their figures, and what measures them again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pytest_modelbench.published.catalog.cases import CaseSpec
from pytest_modelbench.published.catalog.figures import Figure

#: What a row needs besides the package itself, and which option or extra brings it.
NEEDS: Mapping[str, str] = {
    "segmentation": "the extra `segmentation`",
    "lukemelas": "the extra `lukemelas`",
    "imagenet": "labelled ImageNet images (`--modelbench-data`), and a hub that pretrained weights are fetched from",
    "cifar": "CIFAR's files (`--modelbench-data`; no package has them), and an accelerator for its 50 epochs",
    "coco": "COCO's files, weights trained on them beside (`--modelbench-data`; no package has either), and the extra "
    "`detection`",
    "cityscapes": "Cityscapes' files, and weights trained on them beside (`--modelbench-data`; no package has either)",
    "voc": "Pascal VOC's files, and weights trained on them beside (`--modelbench-data`; no package has either)",
    "accelerator": "an accelerator: its allocator is what the statement is about",
}
#: Needs that an extra of the package meets.
EXTRAS = frozenset({"segmentation", "lukemelas"})
#: Needs that somebody has to bring, and give with `--modelbench-data`.
DATA = frozenset({"imagenet", "cifar", "coco", "cityscapes", "voc"})


@dataclass(frozen=True, slots=True)
class PublishedRow:
    """One published row.

    ``id`` is unique in all documents: ``backbones-cnn/resnet50``. ``cells`` are its words and numbers as printed, one
    for each of the table's columns. ``rule`` names the rule that computes it, for recommendations. ``tests`` are node
    ids, relative to the project's root; ``needs`` are keys of `NEEDS`.
    """

    id: str
    cells: tuple[str, ...]
    cases: tuple[CaseSpec, ...] = ()
    figures: tuple[Figure, ...] = ()
    remark: str = ""
    rule: str = ""
    tests: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """What the row is about, as printed: its first cell."""
        return self.cells[0]

    @property
    def case(self) -> CaseSpec | None:
        """The first of its cases, None if nothing is measured for it."""
        return self.cases[0] if self.cases else None

    def figure(self, name: str) -> Figure | None:
        """The figure of that name, None if the row has none."""
        return next((figure for figure in self.figures if figure.name == name), None)


@dataclass(frozen=True, slots=True)
class Table:
    """One published table. ``columns`` are headers as printed; ``note`` is ours: assumptions, and contradictions."""

    id: str
    document: str
    title: str
    hardware: str
    note: str
    columns: tuple[str, ...]
    rows: tuple[PublishedRow, ...]
    stated: str = ""  #: what the document itself says under the table

    def row(self, name: str) -> PublishedRow:
        """The row with this id, with or without the table's own before it; KeyError if there is none."""
        for row in self.rows:
            if name in (row.id, row.id.partition("/")[2]):
                return row
        raise KeyError(f"{self.id} has no row {name!r}")
