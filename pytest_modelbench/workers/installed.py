"""Installed distributions as their metadata have it: which of them owns a file, and whether it is the project's own."""

from __future__ import annotations

import functools
import json
import os
import posixpath
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlparse
from urllib.request import url2pathname

from pytest_modelbench.workers.projects import normalized


@dataclass(frozen=True)
class Distribution:
    """A distribution by its metadata folder (or file, as Debian has them) in ``site``, the folder it is imported from.

    Read here and not by importlib.metadata, which searches the whole path, where one folder is asked about.
    """

    site: str
    metadata: str

    @property
    def name(self) -> str:
        """The normalized name."""
        return normalized(self._parts[0])

    def __str__(self) -> str:
        return " ".join(part for part in self._parts[:2] if part)

    @property
    def _parts(self) -> Sequence[str]:
        stem = os.path.splitext(os.path.basename(self.site if self.metadata == "EGG-INFO" else self.metadata))[0]
        return stem.split("-")

    @functools.cached_property
    def source(self) -> tuple[Path | None, bool]:
        """The local folder or file it was installed from, if pip noted one (PEP 610), and whether in editable mode."""
        try:
            noted = json.loads(self._read("direct_url.json"))
            url = urlparse(noted["url"])
            editable = bool(noted.get("dir_info", {}).get("editable"))
        except (ValueError, KeyError, TypeError, AttributeError):
            return None, False
        return (Path(os.path.realpath(url2pathname(url.path))) if url.scheme == "file" else None), editable

    @functools.cached_property
    def _files(self) -> frozenset[str] | None:
        """What was installed, as seen from ``site``; None if that was not noted."""
        if record := self._read("RECORD"):
            names = [line.rsplit(",", 2)[0].strip('"') for line in record.splitlines()]
        elif record := self._read("installed-files.txt"):
            names = [posixpath.join(self.metadata, line) for line in record.splitlines()]
        else:
            return None
        return frozenset(map(posixpath.normpath, filter(None, names)))

    def owns(self, file: str, module: str) -> bool:
        """Whether it installed ``file``, of which ``module`` was imported."""
        if self.metadata == "EGG-INFO":
            return True
        relative = os.path.relpath(file, self.site).replace(os.sep, "/")
        if self._files is not None:
            return relative in self._files
        top = module.partition(".")[0]
        return top in (self._read("top_level.txt").split() or [self.name.replace("-", "_")])

    def _read(self, name: str) -> str:
        try:
            return Path(self.site, self.metadata, name).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""


class Installed:
    """The distributions that modules may belong to. The project's own have one of ``names``, or come from ``trees``."""

    def __init__(self, names: Collection[str], trees: Sequence[Path]) -> None:
        self._names = frozenset(names)
        self._trees = trees
        self._known: dict[str, tuple[list[Distribution], list[Distribution]]] = {}

    def any_in(self, folder: str) -> bool:
        """Whether anything was installed into ``folder``."""
        return any(self._within(folder))

    def own(self, site: str, file: str, module: str) -> Distribution | None:
        """The distribution of the project's own that installed ``file`` into ``site``, if any."""
        return next((one for one in self._within(site)[0] if one.owns(file, module)), None)

    def of_others(self, site: str, file: str, module: str) -> bool:
        """Whether somebody else's distribution installed ``file`` into ``site``."""
        # Their lists of files are long: this is asked last.
        return any(one.owns(file, module) for one in self._within(site)[1])

    def _within(self, folder: str) -> tuple[list[Distribution], list[Distribution]]:
        """Distributions that lie in ``folder``: the project's own, and those of others."""
        if folder not in self._known:
            found = distributions_in(folder)
            own = [one for one in found if self._own(one)]
            self._known[folder] = own, [one for one in found if one not in own]
        return self._known[folder]

    def _own(self, distribution: Distribution) -> bool:
        if distribution.name in self._names:
            return True
        source, _ = distribution.source
        return source is not None and any(source.is_relative_to(tree) for tree in self._trees)


def distributions_in(folder: str) -> list[Distribution]:
    """Distributions that are installed in ``folder``, sorted."""
    return [Distribution(folder, name) for name in sorted(_metadata(folder))]


def _metadata(folder: str) -> list[str]:
    if folder.endswith(".egg"):  # a folder or a zip file that holds one distribution
        return ["EGG-INFO"]
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    # Metadata beside the sources that they were made from have no version in their name: nothing is installed there.
    return [name for name in names if re.fullmatch(r".+\.dist-info|.+-.+\.egg-info", name)]


def _linked(folder: str) -> list[tuple[str, Path]]:
    """Names and folders of what ``setup.py develop`` has linked to from ``folder``, as older pips do."""
    found = []
    for link in sorted(Path(folder or ".").glob("*.egg-link")):
        try:
            source = link.read_text(encoding="utf-8", errors="replace").partition("\n")[0].strip()
        except OSError:
            continue
        found.append((normalized(link.stem), Path(os.path.realpath(source))))
    return found


def editable_sources(path: Sequence[str]) -> list[tuple[str, Path]]:
    """Names and folders of what is installed on ``path`` in editable mode, and that nothing before it hides."""
    found: dict[str, Path | None] = {}
    for site in dict.fromkeys(path):
        for one in distributions_in(site):
            source, editable = one.source
            found.setdefault(one.name, source if source is not None and editable and source.is_dir() else None)
        for name, source in _linked(site):
            found.setdefault(name, source if source.is_dir() else None)
    return sorted((name, source) for name, source in found.items() if source is not None)
