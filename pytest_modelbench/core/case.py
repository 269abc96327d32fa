"""What is measured: a model, for a task, at a size, in a precision; or whatever a test gives a name to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Case:
    """A model as it is measured. ``data`` names the labelled data that it was scored or trained on.

    What goes in is images of ``image_size``, or for one sample what ``inputs`` says, such as ``ids=77+mask=77``.
    """

    model: str
    batch_size: int
    image_size: tuple[int, int] | None
    precision: str = "fp32"
    task: str = "classification"
    mode: str = "inference"
    technique: str = ""
    data: str = ""
    inputs: str = ""

    @property
    def id(self) -> str:
        """Readable name, ``resnet50-b32-224-fp32``; what is at its default is left out."""
        parts = [self.model, f"b{self.batch_size}", self._size, self.precision]
        parts += [self.technique] if self.technique else []
        parts += [self.task] if self.task != "classification" else []
        parts += [self.mode] if self.mode != "inference" else []
        parts += [self.data] if self.data else []
        return "-".join(parts)

    @property
    def _size(self) -> str:
        if self.image_size is None:
            return self.inputs
        height, width = self.image_size
        return str(height) if height == width else f"{height}x{width}"


@dataclass(frozen=True, slots=True)
class NamedCase:
    """What no builder made: a callable, or a number of one's own, by the name that the test gives it."""

    name: str

    @property
    def id(self) -> str:
        """Its name."""
        return self.name


AnyCase = Case | NamedCase
