"""What a test says that ends without a verdict on a check: what was not measured, and which command helps."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from pytest_modelbench.core.printable import printable_lines
from pytest_modelbench.core.reasons import Reason
from pytest_modelbench.report.reasons import sentence


def skipped(reason: str) -> str:
    """The message of a skipped test that has a baseline."""
    return (
        f"skipped, so its baseline was not checked: {reason}\n"
        "--modelbench-skipped=pass lets skipped tests pass, and counts them as not gated."
    )


def skipped_though_asked(reason: str) -> str:
    """The message of a skipped test of a model that an option or the settings name."""
    return (
        f"skipped, although --modelbench-model or the settings ask for this model: {reason}\n"
        "--modelbench-skipped=pass lets skipped tests pass, and counts them as not gated."
    )


def unmeasured(names: Sequence[str], prune: Sequence[str]) -> str:
    """The message of a test that did not measure what its baseline has; ``prune``: the commands that remove it."""
    headline = f"has a baseline for {', '.join(names)}, but did not measure it"
    return printable_lines("\n".join([headline, "If that is intended, remove what is stored:", *prune]))


def gone(test: str, base: str, names: Sequence[str]) -> str:
    """The message of a test of which the code compared with measures more."""
    return printable_lines(
        f"{base} measures {', '.join(names)}, and the present code does not\n"
        f"If that is intended, leave the test out of this comparison: --deselect {shlex.quote(test)}"
    )


def not_accepted(reason: Reason) -> str:
    """The message of a test whose baseline was to be updated."""
    return f"not accepted: {sentence(reason)}, before it was measured often enough"


def not_measured(reason: Reason) -> str:
    """The message of a test that never ran."""
    return f"not measured: {sentence(reason)}"
