"""Why what was measured must not become a baseline."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Cause(Enum):
    """Why a check must not become a baseline."""

    INTERRUPTED = "the session was interrupted"
    NO_ENVIRONMENT = "the session names no environment"
    NOT_ENDED = "the test did not end"
    FAILED = "the test did not pass"
    NOT_MEASURED = "nothing was measured"
    DISTURBED = "the machine was disturbed while it was measured"
    TOO_FAR_APART = "its processes differ too much for any band"
    TOO_FEW = "too few processes measured it undisturbed"
    CONTRADICTED = "it should be the same in every process, but is not"
    UNFIT = "what was measured cannot be a baseline"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why one check must not become a baseline; ``detail`` is its own part of that."""

    cause: Cause
    detail: str = ""

    @property
    def text(self) -> str:
        """The cause and its detail in one line."""
        return f"{self.cause.value}: {self.detail}" if self.detail else self.cause.value
