"""What was installed in an environment, as one fact: how many packages, a fingerprint, and all of them, packed."""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

#: Beyond, in bytes, a text is not one of ours: 400 packages take 11 kB.
_LARGEST = 2**19


@dataclass(frozen=True, slots=True)
class Package:
    """An installed distribution. ``origin``: what its metadata tell of it beside its version, such as ``editable``."""

    name: str
    version: str
    origin: str = ""

    @property
    def told(self) -> str:
        """``1.0.31``, or ``1.0.31 (git 1a2b3c4d5e)``."""
        return f"{self.version} ({self.origin})" if self.origin else self.version


def packed(packages: Iterable[Package]) -> str:
    """``87 (3f2a91bc) eJx...``: the count, a fingerprint of names and versions, and the list itself.

    The list is one line for each, ``name==version``, sorted, deflated and in base64: baselines hold one for every
    session, and repeat most of it.
    """
    found = sorted(set(packages), key=lambda one: (one.name, one.version, one.origin))
    lines = "\n".join(f"{one.name}=={one.told}" for one in found)
    return f"{_summary(found)} {base64.b64encode(zlib.compress(lines.encode(), 9)).decode('ascii')}"


def summary(fact: str) -> str:
    """Count and fingerprint of what `packed` made; all that a fact of earlier versions holds."""
    return " ".join(fact.split(" ")[:2])


@lru_cache(maxsize=64)
def unpacked(fact: str) -> Mapping[str, str] | None:
    """What is told of each package, by name; None where ``fact`` holds no list, or none that can be read."""
    _, _, text = fact.partition(") ")
    if not text:
        return None
    try:
        inflating = zlib.decompressobj()
        lines = inflating.decompress(base64.b64decode(text, validate=True), _LARGEST).decode()
        if not inflating.eof:
            return None
    except (ValueError, zlib.error):
        return None
    told: dict[str, str] = {}
    for line in lines.splitlines():
        name, _, version = line.partition("==")
        # Two folders of the import path may hold one each.
        told[name] = f"{told[name]} and {version}" if name in told else version
    return told


def _summary(packages: Iterable[Package]) -> str:
    named = sorted({f"{one.name}=={one.version}" for one in packages})
    return f"{len(named)} ({hashlib.sha256(' '.join(named).encode()).hexdigest()[:8]})"
