"""The project's own Python modules, read and not imported: what each is called, and what its names stand for."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

#: Folders whose code is not what a project is made for, and files that are no modules of it.
_APART = frozenset(
    """
    test tests testing testdata doc docs example examples demo demos notebooks benchmark benchmarks build dist
    vendor vendored _vendor third_party thirdparty third-party 3rdparty external externals migrations
    """.split()  # noqa: SIM905 - a word list reads better than twenty quotes
)
_NO_MODULE = re.compile(r"(setup|conftest|noxfile|fabfile|__main__|test_.*|.*_test)\.py")
#: Of a file that somebody generated, nothing is wanted.
_LARGEST_BYTES = 1_000_000
_CAN_BE_IMPORTED = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True, slots=True)
class Module:
    """A module by its dotted ``name``, imported from the folder ``origin`` of the project (``.``, ``src``)."""

    name: str
    origin: str
    tree: ast.Module
    #: what its names stand for, as far as it imports them: ``nn`` is ``torch.nn``
    imported: Mapping[str, str]

    def dotted(self, node: ast.expr | None) -> str:
        """``torch.nn.Module`` for an expression that is a name or an attribute, else an empty string."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return ""
        return ".".join([self.imported.get(node.id, node.id), *reversed(parts)])


@dataclass(frozen=True, slots=True)
class Modules:
    """The modules of a project, and files that are Python by their name and cannot be read."""

    modules: tuple[Module, ...]
    unread: tuple[str, ...] = ()


def read_modules(folder: Path, files: Iterable[str]) -> Modules:
    """The modules among ``files``, relative to ``folder``; tests, examples and the like are none."""
    paths = [PurePosixPath(file) for file in files]
    regular = {path.parent for path in paths if path.name == "__init__.py"}
    found, unread = [], []
    for path in paths:
        if path.suffix != ".py" or _NO_MODULE.fullmatch(path.name) or _APART & {part.lower() for part in path.parts}:
            continue
        origin = _origin(path, regular)
        name = path.relative_to(origin).with_suffix("").parts
        name = name[:-1] if name[-1] == "__init__" else name
        if not name or not all(map(_CAN_BE_IMPORTED.fullmatch, name)):
            continue
        tree = _parsed(folder / path)
        if tree is None:
            unread.append(str(path))
        else:
            package = name if path.name == "__init__.py" else name[:-1]
            found.append(Module(".".join(name), str(origin), tree, _imports(tree, package)))
    return Modules(tuple(found), tuple(unread))


def _origin(path: PurePosixPath, regular: Collection[PurePosixPath]) -> PurePosixPath:
    """The folder that Python imports the module at ``path`` from, where ``regular`` are folders with an __init__.py."""
    top = PurePosixPath()
    package = path.parent
    if package == top or package not in regular:
        # A package without such a file: it begins at the top, or below src as people have it.
        return PurePosixPath("src") if path.parts[0] == "src" and len(path.parts) > 1 else top
    while package.parent != top and package.parent in regular:
        package = package.parent
    return package.parent


def _parsed(path: Path) -> ast.Module | None:
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes in the text of others
            return ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _imports(tree: ast.Module, package: tuple[str, ...]) -> dict[str, str]:
    """What names of the module stand for, by its import statements, wherever they are."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.asname:
                    found[alias.asname] = alias.name
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            origin = ".".join([*above, *filter(None, [node.module])])
            for alias in node.names:
                found[alias.asname or alias.name] = f"{origin}.{alias.name}" if origin else alias.name
    return found
