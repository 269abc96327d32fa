"""A session in GitHub-flavoured Markdown: for job summaries and comments on pull requests."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from pytest_modelbench.core.printable import printable
from pytest_modelbench.core.session import Session
from pytest_modelbench.report.footnotes import footnotes
from pytest_modelbench.report.notices import notices
from pytest_modelbench.report.summary import FINE, Line, Notice, Standing, Told, circumstances, lines, tally

_HEADER = (
    "| case | metric | baseline | now | change | band | verdict |\n| --- | --- | ---: | ---: | ---: | ---: | --- |"
)
_FAILING = {Standing.REGRESSED, Standing.INCOMPARABLE, Standing.INCONCLUSIVE, Standing.MISSING}
# Underscores inside a word are literal; the rest of these start emphasis, code, links or strike-through.
_SPECIAL = re.compile(r"[\\`*\[\]~|]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")


def render(session: Session, told: Told | None = None) -> str:
    """The whole report: a summary line, trouble, what was not gated and what to do; what is ok is folded."""
    found = lines(session)
    trouble = [line for line in found if line.standing not in FINE]
    fine = [line for line in found if line.standing in FINE]
    parts = [f"**modelbench: {tally(session)}**", escape(circumstances(session))]
    parts += [_table(trouble)] if trouble else []
    parts += [_notice(notice) for notice in notices(session, told or Told())]
    if fine:
        counts = Counter(line.standing for line in fine)
        tallied = ", ".join(f"{counts[how]} {how.value}" for how in Standing if counts[how])
        parts.append(f"<details><summary>{tallied}</summary>\n\n{_table(fine)}\n\n</details>")
    return "\n\n".join(parts) + "\n"


def escape(text: str) -> str:
    """``text`` as Markdown that reads as ``text``, on one line, in a table cell or out of it."""
    text = printable(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(lambda match: f"\\{match[0]}", text)


def _table(found: Sequence[Line]) -> str:
    rows = [_HEADER]
    for line in found:
        verdict = f"**{line.standing.value}**" if line.standing in _FAILING else line.standing.value
        cells = [line.case, line.metric, line.baseline, line.now + line.now_mark, line.change + line.mark, line.band]
        rows.append(f"| {' | '.join(map(escape, cells))} | {verdict} |")
    notes = [f"\n{escape(text)}" for text in footnotes(line.check for line in found)]
    return "\n".join([*rows, *notes])


def _notice(notice: Notice) -> str:
    text = escape(notice.text)
    parts = [f"**{text}**" if notice.short else text]
    if notice.items:
        parts.append("\n".join(f"- {escape(item)}" for item in notice.items))
    if notice.command:
        parts.append(f"```sh\n{printable(notice.command)}\n```")
    return "\n\n".join(parts)
