"""Imports point downwards only, and what is heavy stays out of where it does not belong."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import pytest_modelbench

PACKAGE = Path(pytest_modelbench.__file__).parent

#: For each layer, the layers that it may import.
MAY_IMPORT = {
    "core": set(),
    "judge": {"core"},
    "host": {"core"},
    "vcs": {"core"},
    "store": {"core", "judge"},
    "measure": {"core", "host"},
    "data": {"core"},
    "models": {"core", "data"},
    "workers": {"core", "host", "vcs"},
    "report": {"core", "judge"},
    "samples": {"core", "measure", "models", "data"},
    "bench": {"core", "host", "measure", "models", "data", "samples", "published"},
    "published": {"core", "judge", "report"},
    "session": {"core", "judge", "vcs", "store", "workers", "report", "bench", "plugin"},
    "doctor": {"core", "judge", "host", "workers", "report"},
    "plugin": {"core", "session", "bench", "measure", "models"},
    "cli": {"core", "store", "published", "report", "doctor"},
}
#: Packages that a layer never imports, not even late.
NEVER = {
    "core": {"torch", "pytest", "timm", "numpy"},
    "judge": {"torch", "pytest", "timm", "numpy"},
    "host": {"torch", "pytest", "timm", "numpy"},
    "vcs": {"torch", "pytest", "timm", "numpy"},
    "store": {"torch", "pytest", "timm"},
    "published": {"torch", "pytest", "timm", "numpy"},
    "report": {"torch", "timm"},
    "measure": {"pytest", "timm"},
    "data": {"pytest"},
    "models": {"pytest"},
    "samples": {"pytest"},
    "workers": {"torch", "timm"},
    "session": {"torch", "timm"},
    "doctor": {"torch", "pytest", "timm"},
    "cli": {"torch", "pytest", "timm"},
}


def layer_of(path):
    relative = path.relative_to(PACKAGE)
    return relative.parts[0] if len(relative.parts) > 1 else relative.stem


def imports(path):
    """Every imported module of a file, late and conditional imports included, those for type checking not."""
    tree = ast.parse(path.read_text())
    typing_only = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in ast.walk(block)
    }
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


FILES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_downwards(path):
    layer = layer_of(path)
    for module in imports(path):
        top, _, rest = module.partition(".")
        assert top not in NEVER.get(layer, set()), f"{layer} imports {module}"
        if top == "pytest_modelbench" and rest:
            other = rest.partition(".")[0]
            assert other == layer or other in MAY_IMPORT[layer], f"{layer} imports {module}"


def test_only_the_edge_knows_pytest():
    users = {
        str(path.relative_to(PACKAGE))
        for path in FILES
        if any(module.partition(".")[0] in ("pytest", "_pytest") for module in imports(path))
    }
    assert users == {
        "plugin.py",
        "workers/worker.py",
        "session/runner.py",
        "session/inline.py",
        "session/launch.py",
        "session/marks.py",
        "session/progress.py",
        "session/replay.py",
        "session/hooks.py",
    }


HEAVY = ("torch", "numpy", "timm", "torchmetrics", "torchvision", "pydantic")

AT_EXIT = """
import atexit, json, sys

@atexit.register
def report():
    ours = [n for n in sys.modules if n.startswith("pytest_modelbench.") and n != "pytest_modelbench.plugin"]
    print("LOADED", json.dumps([name for name in {heavy} if name in sys.modules] + ours))

def test_nothing():
    pass
"""


def loaded(pytester, *arguments):
    pytester.makepyfile(test_it=AT_EXIT.format(heavy=HEAVY))
    before = {path.name for path in pytester.path.iterdir()}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments], cwd=pytester.path,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "1 passed" in done.stdout, done.stdout
    created = {path.name for path in pytester.path.iterdir()} - before
    line = next(line for line in done.stdout.splitlines() if line.startswith("LOADED"))
    return json.loads(line.removeprefix("LOADED ")), created


def test_installed_but_unused_it_loads_and_creates_nothing(pytester):
    names, created = loaded(pytester, "-p", "no:hypothesispytest", "-p", "no:anyio", "-p", "no:benchmark")
    assert names == []
    assert created <= {"__pycache__"}


CONTROLLER = """
import sys

def pytest_unconfigure(config):
    print("HEAVY", [name for name in ("torch", "numpy", "timm") if name in sys.modules])
"""


@pytest.mark.slow
def test_the_controller_never_imports_torch(pytester):
    pytester.makeconftest(CONTROLLER)
    pytester.makepyfile(
        "def test_it(build_model, modelbench):\n    modelbench.cost(build_model('test_resnet', image_size=32))\n"
    )
    result = pytester.runpytest_subprocess("--modelbench", "--device=cpu", "--modelbench-json=results.json")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["HEAVY []"])
