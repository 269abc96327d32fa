"""What changed around a test since its baseline was recorded: its code, and the packages that it uses."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Set
from functools import lru_cache
from importlib import metadata
from pathlib import Path

from pytest_modelbench.core.environment import (
    PACKAGES,
    Difference,
    Fact,
    differences,
    same_packages,
    slugify,
    under_torch,
)
from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.core.history import History
from pytest_modelbench.core.packages import unpacked
from pytest_modelbench.core.session import Check
from pytest_modelbench.core.verdicts import BaselineView
from pytest_modelbench.report.around import around
from pytest_modelbench.session.entries import TestEntry
from pytest_modelbench.vcs.history import history
from pytest_modelbench.vcs.revision import resolve

#: Baselines of more commits than that are of one test only if it was accepted piece by piece.
_MOST_COMMITS = 2


class Around:
    """Tells what changed around the tests of this session.

    ``path_of`` tells the file that holds a test, ``entry_of`` what is known of it. ``against`` is the revision that the
    session compares with in place of what is stored.
    """

    def __init__(
        self,
        root: Path,
        path_of: Callable[[str], Path | None],
        entry_of: Callable[[str], TestEntry],
        against: str | None = None,
    ) -> None:
        self._root = root
        self._path_of = path_of
        self._entry_of = entry_of
        self._against = against
        self._known: dict[tuple[str, tuple[Path, ...]], History | None] = {}

    def used(self, check: Check, provenance: Mapping[str, Fact]) -> Collection[str]:
        """Of the packages that changed since the baseline of ``check``, those that the test's process imported."""
        then = check.baseline.provenance if check.baseline and check.baseline.provenance else {}
        return used_of(differences(then, provenance), self._imported(check.key.test))

    def idle(self, test: str, baseline: BaselineView, provenance: Mapping[str, Fact]) -> frozenset[str]:
        """Names of packages that changed since ``baseline`` and that the process of ``test`` does not import.

        Not those that are gone, which it may have imported then, nor those that torch computes with.
        """
        imported = self._imported(test)
        changed = differences(baseline.provenance or {}, provenance)
        if not imported or not changed:
            return frozenset()
        installed = unpacked(str(provenance.get(PACKAGES, ""))) or {}
        left = [one for one in changed if one.name in installed and one.now is not None and not under_torch(one.name)]
        return frozenset({one.name for one in left} - set(used_of(left, imported)))

    def since(self, test: str, regressed: Sequence[tuple[Check, Mapping[str, Fact]]]) -> str:
        """What happened to the code of ``test`` since the baselines of what ``regressed``, and that packages did not.

        Each check comes with this session's provenance. Empty where nothing is known.
        """
        baselines = [(check.baseline, now) for check, now in regressed if check.baseline]
        files = self._files(test)
        found = [(self._history(base, files), told) for base, told in self._bases([one for one, _ in baselines])]
        known = [(baseline.provenance or {}, now) for baseline, now in baselines if baseline.accepted]
        same = bool(known) and all(same_packages(then, now) for then, now in known)
        return around([(one, told) for one, told in found if one is not None], same_packages=same)

    def _imported(self, test: str) -> set[str]:
        """Names of what processes of ``test`` have imported."""
        return {name for run in self._entry_of(test).runs for name in run.imported}

    def _bases(self, baselines: Sequence[BaselineView]) -> list[tuple[str, str]]:
        """The commits compared with, each with what it is called."""
        if self._against:
            try:
                commit = resolve(self._root, self._against).commit
            except UsageError:
                return []
            return [(commit, f"{self._against} ({commit[:10]})")]
        commits = sorted({one.commit for one in baselines if one.commit})
        return [(commit, f"the baseline's commit {commit[:10]}") for commit in commits[:_MOST_COMMITS]]

    def _files(self, test: str) -> tuple[Path, ...]:
        """Files that models of ``test`` are written in, and its own."""
        of_models = {file for run in self._entry_of(test).runs for file in run.files}
        own = self._path_of(test)
        return (*map(Path, sorted(of_models - {str(own)})), *([own] if own else []))

    def _history(self, commit: str, files: tuple[Path, ...]) -> History | None:
        if (commit, files) not in self._known:
            self._known[commit, files] = history(self._root, commit, files)
        return self._known[commit, files]


def used_of(changed: Iterable[Difference], imported: Set[str]) -> Collection[str]:
    """Names of those ``changed`` packages that a process has ``imported``, by the names that it imports them by.

    Metadata are read of what changed alone: of all that is installed it would take as long as importing torch.
    """
    return {one.name for one in changed if not imported.isdisjoint(_import_names(one.name))}


@lru_cache(maxsize=512)
def _import_names(package: str) -> frozenset[str]:
    """Names that ``package`` is imported by: what its metadata say, or a guess where they are silent."""
    guess = slugify(package).replace("-", "_")
    try:
        found = metadata.distribution(package)
        if listed := (found.read_text("top_level.txt") or "").split():
            return frozenset(listed)
        files = [file.parts[0].removesuffix(".py") for file in found.files or () if file.suffix == ".py"]
    except (metadata.PackageNotFoundError, ValueError, OSError):
        files = []
    return frozenset({guess, *files})
