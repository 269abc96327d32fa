"""The names of the samples behind an accuracy, packed, so that tens of thousands of them travel with a measurement."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

#: No file name holds it.
_BETWEEN = "\0"


@dataclass(frozen=True, slots=True)
class SampleNames:
    """Names in the order of the samples. ``packed``: as `of` makes it, some bytes a name for what sorts well."""

    packed: str

    @classmethod
    def of(cls, names: Sequence[str]) -> SampleNames | None:
        """``names`` packed, what cannot be printed in them escaped; None without any."""
        if not names:
            return None
        printable = (name if name.isprintable() else repr(name)[1:-1] for name in names)
        return cls(base64.b85encode(zlib.compress(_BETWEEN.join(printable).encode(), 9)).decode())

    def unpacked(self) -> tuple[str, ...]:
        """The names."""
        return tuple(zlib.decompress(base64.b85decode(self.packed)).decode().split(_BETWEEN))


def sample_name(names: Sequence[str], number: int) -> str:
    """What sample ``number``, from 0, is called: by its name, or where there are none by the number."""
    return names[number] if number < len(names) else f"sample {number}"
