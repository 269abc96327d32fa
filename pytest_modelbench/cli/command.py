"""What a command of ``pytest-modelbench`` is, and how it ends."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

FINE, REFUSED, INTERRUPTED, UNUSABLE = 0, 1, 2, 4

#: What is printed, and the exit status.
Outcome = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Command:
    """One command. ``declare`` adds its arguments to its parser, ``run`` does it and imports late what that takes."""

    name: str
    help: str
    declare: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], Outcome]
