"""What is measured: a model, for a task, at a size, in a precision; or whatever a test gives a name to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Case:
    """One thing measured. ``data`` names the labelled data that it was scored or trained on.

    What no builder made, a callable or a number of one's own, has a name and no sizes: ``Case("my-decoder")``.
    """

    model: str
    batch_size: int | None = None
    image_size: tuple[int, int] | None = None
    precision: str = "fp32"
    task: str = "classification"
    mode: str = "inference"
    technique: str = ""
    data: str = ""

    @property
    def id(self) -> str:
        """Readable name, ``resnet50-b32-224-fp32``; what is at its default is left out."""
        parts = [self.model]
        if self.batch_size is not None:
            parts.append(f"b{self.batch_size}")
        if self.image_size is not None:
            height, width = self.image_size
            parts += [str(height) if height == width else f"{height}x{width}", self.precision]
        parts += [self.technique] if self.technique else []
        parts += [self.task] if self.task != "classification" else []
        parts += [self.mode] if self.mode != "inference" else []
        parts += [self.data] if self.data else []
        return "-".join(parts)
