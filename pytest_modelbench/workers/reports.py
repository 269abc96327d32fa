"""How a test ended by the reports of its own, as a worker serialized them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest

Reports = Sequence[dict[str, Any]]


def first_line(reports: Reports, outcome: str) -> str:
    """The message of the first report with ``outcome``, as short as pytest's summary gives it."""
    for report in reports:
        if report["outcome"] == outcome:
            longrepr = report.get("longrepr")
            crash = longrepr.get("reprcrash") if isinstance(longrepr, dict) else None
            return str(crash["message"] if crash else longrepr or "")
    return ""


def skip_reason(reports: Reports) -> str:
    """Why the test was skipped, or expected to fail."""
    for report in reports:
        if report["outcome"] == "skipped":
            if "wasxfail" in report:
                return f"expected to fail: {report['wasxfail']}".rstrip(": ")
            longrepr = report.get("longrepr")
            reason = longrepr[2] if isinstance(longrepr, (list, tuple)) else longrepr
            return str(reason or "").removeprefix("Skipped: ")
    return ""


def missing_reports(reports: Reports) -> str:
    """What is wrong with a test that ended without saying how, or an empty string."""
    outcomes = {report["when"]: report["outcome"] for report in reports}
    if "teardown" in outcomes and ("call" in outcomes or outcomes.get("setup") != "passed"):
        return ""
    return f"The test ended without a result; it reported only: {', '.join(outcomes) or 'nothing'}."


def idle_fixtures(item: pytest.Item) -> tuple[str, ...]:
    """Our fixtures that ``item`` takes and by which it measured nothing so far; each says whether it has."""
    return tuple(name for name, used in getattr(item, "_modelbench_used", {}).items() if not used())
