"""A page of the documentation that somebody follows: its files, changes and commands, and whether output is as shown.

Fenced blocks with ``title="net.py"`` are files; ``diff`` blocks with a title change one. In a ``console`` block lines
that begin with ``$ `` are commands, and what follows is their output, in which ``...`` stands for lines left out. A
block below the comment ``<!-- not run: why -->`` is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(
    r"(?P<skip><!-- not run: [^>]+ -->\n+)?"
    r'^(?P<indent> *)```(?P<language>\w+)(?: title="(?P<title>[^"]+)")?\n(?P<body>.*?)^(?P=indent)```$',
    re.MULTILINE | re.DOTALL,
)
#: What differs from run to run: commits, and numbers with their signs.
_COMMIT = re.compile(r"\b[0-9a-f]{7,40}\b")
_MINUTES = re.compile(r" \(\d+:\d\d:\d\d\)")  # of pytest, from a minute on
_NUMBER = re.compile(r"[+-]?\d[\d,.]*")
#: A row of a table: the metric, and its verdict at the end.
_ROW = re.compile(r"\b(latency|macs|memory_growth|parameter_bytes|parameters|peak_live_memory) .* ([a-z]+)$")
#: What a busy machine words or lays out in another way: heads of tables, footnotes, the machine, the rest of a list.
_VARIES = re.compile(
    r"^(\s*[*†‡] |\s*case\s+metric|\s*metric\s+baseline|net\.\S+$|\s{10,}|\s+the machine |baselines/cpu-)| · torch "
)
#: Lines with a label: what comes after it is told by its first word, a part of the model, say.
_LABEL = re.compile(r"^\s*(where|what|calls|now|baseline|measured side by side)\b")


@dataclass(frozen=True)
class File:
    """A file to write, whole."""

    name: str
    text: str


@dataclass(frozen=True)
class Change:
    """Lines of a file that become others."""

    name: str
    old: str
    new: str

    def applied_to(self, text: str) -> str:
        """``text`` with the change; the lines have to be there once."""
        assert text.count(self.old) == 1, f"{self.name} has these lines {text.count(self.old)} times:\n{self.old}"
        return text.replace(self.old, self.new)


@dataclass(frozen=True)
class Command:
    """A command, and the output that the page shows."""

    line: str
    output: tuple[str, ...]


Step = File | Change | Command


def steps(page: str) -> list[Step]:
    """What a reader of ``page`` does, in order."""
    return [step for block in _BLOCK.finditer(page) if not block["skip"] for step in _of_block(block)]


def _of_block(block: re.Match[str]) -> Iterator[Step]:
    # In a list, the block is indented as the list is.
    body = "".join(line.removeprefix(block["indent"]) for line in block["body"].splitlines(keepends=True))
    if block["language"] == "console":
        yield from _commands(body.splitlines())
    elif block["language"] == "diff" and block["title"]:
        old, new = (_side(body, sign) for sign in "-+")
        yield Change(block["title"], old, new)
    elif block["title"]:
        yield File(block["title"], body)


def _commands(lines: Sequence[str]) -> Iterator[Command]:
    starts = [place for place, line in enumerate(lines) if line.startswith("$ ")]
    for start, end in zip(starts, [*starts, len(lines)][1:], strict=True):
        yield Command(lines[start].removeprefix("$ "), tuple(lines[start + 1 : end]))


def _side(body: str, sign: str) -> str:
    return "".join(f"{line[1:]}\n" for line in body.splitlines() if line[:1] in (" ", sign))


def do(step: File | Change, folder: Path) -> None:
    """Write or change the file of ``step`` in ``folder``."""
    path = folder / step.name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(step.text if isinstance(step, File) else step.applied_to(path.read_text()))


def normal(line: str) -> str:
    """``line`` without what differs from run to run; empty if all of it does."""
    if row := _ROW.search(line):
        return " ".join(row.groups())
    if not line.strip() or _VARIES.search(line):
        return ""
    line = _MINUTES.sub("", _COMMIT.sub("#", line))
    if label := _LABEL.match(line):
        rest = line[label.end() :].split()
        return " ".join([label[1], *(word.strip(",") for word in rest[:1] if word[0] not in "+-0123456789")])
    return " ".join(re.sub(r"=+", "=", _NUMBER.sub("#", line)).split())


def missing(shown: Sequence[str], printed: Sequence[str]) -> str | None:
    """The first line of ``shown`` that ``printed`` lacks in its place; None if all are there, in order.

    Between two lines without ``...`` in between there is nothing else, but for lines that differ from run to run.
    """
    left = [found for line in printed if (found := normal(line))]
    gap = False
    for line in shown:
        wanted = normal(line)
        if line.strip() == "...":
            gap = True
        elif wanted:
            if wanted not in (left if gap else left[:1]):
                return line
            left, gap = left[left.index(wanted) + 1 :], False
    return None if gap or not left else f"(the end; printed is also: {left[0]})"
