"""What can happen to a text, by chance and by seed: it is cut, restructured, scrambled, or another kind of file."""

from __future__ import annotations

import copy
import json
import os
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.trials.faults.gated_project import remove

#: In the place of a value of a JSON document: what it may be by mistake, by intent, and by a bug of another program.
_STRANGE: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 0.5, -0.0, 1e308, -1e308, 5e-324, 10**15, 2**63, 10**400, float("nan"), float("inf"),
    float("-inf"), "", " ", "x", "0", "nan", "\x00", "\x1b[2J\x1b[31mok", "\u202eko", "a\nb", "```\n# ok\n", "../../x",
    "\ud800", "x" * 100_000, [], [[]], [None], {}, {"": {}}, {"value": 1},
)  # fmt: skip


def cut(rng: random.Random, data: bytes, _: bytes) -> bytes:
    """Only its beginning, its end, or all but a part of its middle."""
    first, last = sorted(rng.sample(range(len(data) + 1), 2))
    return rng.choice([data[:first], data[:last], data[last:], data[:first] + data[last:]])


def restructured(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """One of its values is gone, is a strange one, stands twice or elsewhere, or is one of ``other``."""
    document = json.loads(data)
    try:
        for _ in range(rng.choice([1, 1, 1, 2])):
            if places := _places(document):
                _change(rng, *rng.choice(places), json.loads(other))
        return json.dumps(document, indent=rng.choice([None, 1])).encode("utf-8", "surrogatepass")
    except RecursionError:  # deeper than Python itself can write
        return b"[" * 100_000 + data


def renumbered(rng: random.Random, data: bytes, _: bytes) -> bytes:
    """One to three of its numbers are others, none of them strange."""
    document = json.loads(data)
    places = [(parent, key) for parent, key in _places(document) if type(parent[key]) in (int, float)]
    for parent, key in rng.sample(places, min(len(places), rng.choice([1, 1, 2, 3]))):
        one = parent[key] * rng.choice([0.1, 0.5, 0.75, 0.9, 0.99, 1.01, 1.1, 1.7, 2, 10])
        parent[key] = round(one) if isinstance(parent[key], int) else one
    return json.dumps(document).encode()


def scrambled(rng: random.Random, data: bytes, other: bytes) -> bytes:
    """A few of its bytes, digits or lines are others."""
    for _ in range(rng.choice([1, 1, 2, 8])):
        data = rng.choice(_SCRAMBLES)(rng, data, other)
    return data


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every container inside ``value`` with each of its keys."""
    found = []
    keys = range(len(value)) if isinstance(value, list) else list(value) if isinstance(value, dict) else []
    for key in keys:
        found += [(value, key), *_places(value[key])]
    return found


def _change(rng: random.Random, parent: Any, key: Any, other: Any) -> None:
    kind = rng.randrange(8)
    if kind == 0:
        del parent[key]
    elif kind == 1:
        inner, place = rng.choice(_places(other))
        parent[key] = inner[place]
    elif kind == 2:
        place = rng.choice(_keys(parent))
        parent[key], parent[place] = parent[place], parent[key]
    elif kind == 3 and isinstance(parent, dict):
        parent[str(rng.choice(_STRANGE))[:200]] = parent.pop(key)
    elif kind == 3:
        parent.insert(key, copy.deepcopy(parent[key]))
    elif kind == 4 and type(parent[key]) in (int, float):
        parent[key] *= rng.choice([-1, 0, 0.1, 0.5, 0.9, 1.1, 2, 10, 1e6])
    elif kind == 5:
        deep: Any = parent[key]
        for _ in range(rng.choice([1, 10, 900])):
            deep = [deep]
        parent[key] = deep
    else:
        parent[key] = copy.deepcopy(rng.choice(_STRANGE))


def _keys(parent: Any) -> list[Any]:
    return list(range(len(parent))) if isinstance(parent, list) else list(parent)


def _byte(rng: random.Random, data: bytes, _: bytes) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + bytes([rng.randrange(256)]) + data[at + rng.choice([0, 1]) :]


def _bit(rng: random.Random, data: bytes, _: bytes) -> bytes:
    at = rng.randrange(len(data)) if data else 0
    return data[:at] + bytes(byte ^ (1 << rng.randrange(8)) for byte in data[at : at + 1]) + data[at + 1 :]


def _digit(rng: random.Random, data: bytes, _: bytes) -> bytes:
    digits = list(re.finditer(rb"\d", data))
    if not digits:
        return data
    at = rng.choice(digits).start()
    return data[:at] + rng.choice(b"0123456789-.e").to_bytes(1, "little") + data[at + 1 :]


def _lost(rng: random.Random, data: bytes, _: bytes) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + data[at + rng.choice([1, 4, 40]) :]


def _again(rng: random.Random, data: bytes, _: bytes) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + data[max(0, at - rng.choice([1, 4, 40])) : at] + data[at:]


def _line(rng: random.Random, data: bytes, other: bytes) -> bytes:
    lines = data.splitlines(keepends=True)
    if not lines:
        return other
    at, to = rng.randrange(len(lines)), rng.randrange(len(lines))
    change = rng.randrange(4)
    if change == 0:
        del lines[at]
    elif change == 1:
        lines.insert(to, lines[at])
    elif change == 2:
        lines[at], lines[to] = lines[to], lines[at]
    else:
        lines.insert(at, rng.choice(other.splitlines(keepends=True)))
    return b"".join(lines)


def _conflict(rng: random.Random, data: bytes, other: bytes) -> bytes:
    lines = data.splitlines(keepends=True) or [b""]
    at = rng.randrange(len(lines))
    theirs = rng.choice(other.splitlines(keepends=True))
    lines[at : at + 1] = [b"<<<<<<< HEAD\n", lines[at], b"=======\n", theirs, b">>>>>>> theirs\n"]
    return b"".join(lines)


def _encoded(rng: random.Random, data: bytes, _: bytes) -> bytes:
    text = data.decode("utf-8", "replace")
    return rng.choice(
        [
            b"\xef\xbb\xbf" + data,
            text.encode("utf-16"),
            data.replace(b"\n", b"\r\n"),
            data.replace(b"e", "\u00e9".encode("latin-1")),
            text.upper().encode("utf-8", "replace"),
            b"\0" * len(data),
        ]
    )


_SCRAMBLES = (_byte, _byte, _bit, _bit, _digit, _digit, _digit, _lost, _again, _line, _line, _conflict, _encoded)


def replaced(rng: random.Random, path: Path) -> str:
    """Do something to the file itself, or to its folder; what, in words."""
    kind, act = rng.choice(_OF_FILES)
    act(rng, path)
    return kind


def _renamed(rng: random.Random, path: Path) -> None:
    path.rename(path.with_name(path.name + rng.choice([".bak", "~", ".orig", ".JSON", "x"])))


def _as_folder(_: random.Random, path: Path) -> None:
    path.unlink()
    path.mkdir()


def _as_fifo(_: random.Random, path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _as_link(rng: random.Random, path: Path) -> None:
    path.unlink()
    path.symlink_to(rng.choice(["nowhere.json", path.name, "/dev/zero", "/dev/null", "/proc/self/mem", ".."]))


def _moved(rng: random.Random, path: Path) -> None:
    to = rng.choice([path.parent.parent, path.parent / "below"])
    to.mkdir(exist_ok=True)
    path.rename(to / path.name)


def _folder_gone(_: random.Random, path: Path) -> None:
    for one in list(path.parent.iterdir()):
        remove(one)


def _folder_renamed(rng: random.Random, path: Path) -> None:
    folder = path.parent
    folder.rename(folder.with_name(rng.choice([folder.name.upper(), folder.name + ".bak", folder.name + " "])))


def _emptied(_: random.Random, path: Path) -> None:
    path.write_bytes(b"")


def _huge(_: random.Random, path: Path) -> None:
    path.write_bytes(path.read_bytes() + b" " * 30_000_000)


def _deep(_: random.Random, path: Path) -> None:
    path.write_bytes(b"[" * 1_000_000)


def _twice(_: random.Random, path: Path) -> None:
    path.with_name(f"x{path.name}").write_bytes(path.read_bytes())


_OF_FILES: tuple[tuple[str, Callable[[random.Random, Path], None]], ...] = (
    ("renamed", _renamed), ("a folder", _as_folder), ("a FIFO", _as_fifo), ("a link", _as_link), ("moved", _moved),
    ("its folder emptied", _folder_gone), ("its folder renamed", _folder_renamed), ("emptied", _emptied),
    ("30 MB longer", _huge), ("a million brackets", _deep), ("there twice", _twice),
)  # fmt: skip
