"""A session in GitHub-flavoured Markdown: for job summaries and comments on pull requests."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from pytest_modelbench.core.printable import printable
from pytest_modelbench.core.session import Session
from pytest_modelbench.report.footnotes import footnotes
from pytest_modelbench.report.notices import notices
from pytest_modelbench.report.reasons import lines as reason_lines
from pytest_modelbench.report.scale import plural
from pytest_modelbench.report.summary import FINE, Line, Notice, Standing, Told, circumstances, lines, tally

_HEADER = (
    "| case | metric | baseline | now | change | band | verdict |\n| --- | --- | ---: | ---: | ---: | ---: | --- |"
)
_FAILING = {Standing.REGRESSED, Standing.INCOMPARABLE, Standing.INCONCLUSIVE, Standing.MISSING}
# Underscores inside a word are literal; the rest of these start emphasis, code, links or strike-through.
_SPECIAL = re.compile(r"[\\`*\[\]~|$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
#: Whom GitHub would write to, were it in a comment, which issue it would lead to, and what it would make a link of;
#: and a sign of no width by which it does not.
_LINK = re.compile(r"(?<!\w)@(?=\w)|#(?=\d)|\bGH-(?=\d)|(?<=ttp|tps|ftp):(?=//)|www(?=\.)", re.IGNORECASE)
_NOTHING = "&#8288;"
#: What GitHub takes of one step as a job summary.
MOST_OF_A_SUMMARY = 2**20
#: How many rows are kept where all of them are too much: of what is in trouble, and of what is fine.
_FEWER = ((1000, 0), (300, 0), (100, 0), (30, 0), (10, 0), (3, 0))
_CUT = "\n\n(the rest is left out)\n"


def render(
    session: Session, told: Told | None = None, *, most_trouble: int | None = None, most_fine: int | None = None
) -> str:
    """The whole report: a summary line, trouble and where it is, what was not gated and what to do.

    What is ok is folded. No more rows are shown than ``most_trouble`` and ``most_fine``; the rest is counted.
    """
    found = lines(session)
    trouble = [line for line in found if line.standing not in FINE]
    fine = [line for line in found if line.standing in FINE]
    parts = [f"**modelbench: {tally(session)}**", escape(circumstances(session))]
    parts += [_table(trouble, most_trouble)] if trouble else []
    parts += [_where(line) for line in trouble[:most_trouble] if line.standing is Standing.REGRESSED]
    parts += [_notice(notice) for notice in notices(session, told or Told())]
    if fine:
        counts = Counter(line.standing for line in fine)
        tallied = ", ".join(f"{counts[how]} {how.value}" for how in Standing if counts[how])
        folded = f"<details><summary>{tallied}</summary>\n\n{_table(fine, most_fine)}\n\n</details>"
        parts.append(tallied if most_fine == 0 else folded)
    return "\n\n".join(filter(None, parts)) + "\n"


def fitted(session: Session, told: Told | None = None, most_bytes: int = MOST_OF_A_SUMMARY) -> str:
    """The report with as many rows as ``most_bytes`` hold: GitHub shows nothing of one that is too long."""
    text = render(session, told)
    for most_trouble, most_fine in _FEWER:
        if _size(text) <= most_bytes:
            return text
        text = render(session, told, most_trouble=most_trouble, most_fine=most_fine)
    if _size(text) <= most_bytes:
        return text
    return text.encode()[: most_bytes - len(_CUT)].decode(errors="ignore") + _CUT


def _size(text: str) -> int:
    return len(text.encode())


def escape(text: str) -> str:
    """``text`` as Markdown that reads as ``text``, on one line, in a table cell or out of it."""
    text = printable(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _LINK.sub(rf"\g<0>{_NOTHING}", _SPECIAL.sub(lambda match: f"\\{match[0]}", text))


def _table(found: Sequence[Line], most: int | None = None) -> str:
    shown = found[:most]
    rows = [_HEADER]
    for line in shown:
        verdict = f"**{line.standing.value}**" if line.standing in _FAILING else line.standing.value
        cells = [line.case, line.metric, line.baseline, line.now + line.now_mark, line.change + line.mark, line.band]
        rows.append(f"| {' | '.join(map(escape, cells))} | {verdict} |")
    notes = [f"\n{escape(text)}" for text in footnotes(line.check for line in shown)]
    left_out = [f"\nand {plural(len(found) - len(shown), 'check')} more"] if len(shown) < len(found) else []
    return "\n".join([*rows, *left_out, *notes])


def _where(line: Line) -> str:
    """The part of the model that is to blame, as far as that is known."""
    if not (where := line.check.judgement.where):
        return ""
    # As it is on a terminal: labels and what belongs below them. No line begins a new block, or ends this one.
    told = "\n".join(printable(one) for one in reason_lines(where))
    return f"**{escape(f'{line.case} {line.metric}')}**\n\n```text\n{told}\n```"


def _notice(notice: Notice) -> str:
    text = escape(notice.text)
    parts = [f"**{text}**" if notice.short else text]
    if notice.items:
        parts.append("\n".join(f"- {escape(item)}" for item in notice.items))
    if notice.command:
        parts.append(f"```sh\n{printable(notice.command)}\n```")
    return "\n\n".join(parts)
