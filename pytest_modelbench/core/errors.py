"""Everything this package raises on purpose.

ModelbenchError
├── UsageError            an option, setting, marker argument or call is wrong: pytest exit status 4
├── BaselineError         a baseline or result file cannot be used; names file, key and the way out
│   └── UnreadableError          nobody could look at what is in it, which may be sound
├── BuildError            a model cannot be built or run as asked
├── MeasureError          a measurement is not usable: not finite, empty, recorded twice
├── ServiceError          another service (GitHub, MLflow) refuses what it is sent, or is out of reach
└── UnavailableError      what a test needs is not here, and how to get it: the test is skipped
    ├── MissingExtraError        an optional dependency is not installed; names the extra
    ├── WeightsUnavailableError  pretrained weights cannot be fetched
    └── DataUnavailableError     no labelled images were given

and what it warns of: LeftBehindWarning, UnwrappedWarning, UnreachedWarning.

Messages say what is wrong, where, and which command or change mends it.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterable
from operator import methodcaller


class ModelbenchError(Exception):
    """Base of everything this package raises on purpose."""


#: For ``__tracebackhide__`` of modules that tests call: pytest then shows such an error where the test made it, without
#: the frames of the module; anything else keeps its whole traceback.
hide_own_frames = methodcaller("errisinstance", ModelbenchError)


def level_of_test() -> int:
    """The stack level, as `warnings.warn` takes it, of the code that called this package."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("pytest_modelbench."):
        level, frame = level + 1, frame.f_back
    return level


class UsageError(ModelbenchError):
    """An option, setting, marker argument or call is wrong."""


class UnavailableError(ModelbenchError):
    """What a test needs is not here; the message says how to get it. Skips the test."""


class MissingExtraError(UnavailableError):
    """An optional dependency is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} is not installed; it comes with: pip install 'pytest-modelbench[{extra}]'")
        self.what = what
        self.extra = extra

    def __reduce__(self) -> tuple[type[MissingExtraError], tuple[str, str]]:
        return type(self), (self.what, self.extra)


class LeftBehindWarning(UserWarning):
    """A test changed global state and left it so; it is put back, so that the next test is measured as by itself."""


class UnwrappedWarning(UserWarning):
    """Weights were found inside of what a training script or a wrapper put around them."""


class UnreachedWarning(UserWarning):
    """Parts of a model take no part in what is measured of it."""


class BaselineError(ModelbenchError):
    """A baseline or result file cannot be used."""


class UnreadableError(BaselineError):
    """A file or folder is there and cannot be read; what is in it may be sound."""


class BuildError(ModelbenchError):
    """A model cannot be built or run as asked."""


class WeightsUnavailableError(UnavailableError):
    """Pretrained weights cannot be fetched: no network, no such file, no permission."""


class DataUnavailableError(UnavailableError):
    """No labelled images were given."""


class MeasureError(ModelbenchError):
    """A measurement is not usable."""


class ServiceError(ModelbenchError):
    """Another service refuses what it is sent, or is out of reach."""


def did_you_mean(name: str, known: Iterable[str], most: int = 3) -> str:
    """``" Did you mean 'a' or 'b'?"`` for the nearest known names, or an empty string."""
    near = difflib.get_close_matches(name, list(known), n=most, cutoff=0.6)
    return f" Did you mean {' or '.join(repr(n) for n in near)}?" if near else ""
