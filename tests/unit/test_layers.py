"""Imports point downwards only, and what is heavy stays out of where it does not belong."""

import ast
import functools
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

import pytest_modelbench

PACKAGE = Path(pytest_modelbench.__file__).parent

ARCHITECTURE = PACKAGE.parent / "docs" / "architecture.md"


@dataclass(frozen=True)
class Layer:
    """What a layer holds, which others it may import, and which packages it never does, not even late."""

    holds: str
    may_import: str = ""
    never: str = ""

    @property
    def others(self):
        return set(self.may_import.split())


#: From the bottom up. `docs/architecture.md` has this table: MODELBENCH_GOLDEN=write writes it anew.
LAYERS = {
    "options": Layer("the one table of options: flags, settings, help, defaults", "", "torch pytest timm numpy"),
    "core": Layer(
        "what a measurement is and what it means: values and pure functions", "options", "torch pytest timm numpy"
    ),
    "judge": Layer("a check's state, and verdicts on it: exact, stored, paired", "core", "torch pytest timm numpy"),
    "host": Layer(
        "what the machine tells: cores, /proc, /sys, control groups, NVML, signals", "core", "torch pytest timm numpy"
    ),
    "vcs": Layer("git: revisions, and their files on the disk", "core host", "torch pytest timm numpy"),
    "store": Layer(
        "baseline and results files, histories, and what may become a baseline", "core judge vcs", "torch pytest timm"
    ),
    "measure": Layer("how a quantity is measured", "core host", "pytest timm"),
    "data": Layer("labelled data, and how they become batches", "core", "pytest"),
    "models": Layer("what is measured: builders, tasks, techniques, training", "core data", "pytest"),
    "workers": Layer("worker processes: events, jobs, rounds, pairs in lockstep", "core host vcs", "torch timm"),
    "start": Layer(
        "a project looked at, and the files that its gate begins with",
        "core vcs store workers",
        "torch pytest timm numpy",
    ),
    "report": Layer("how results read: values in, text out", "options core judge", "torch timm"),
    "published": Layer(
        "the replication of published tables: catalog, coverage, guide", "core judge report", "torch pytest timm numpy"
    ),
    "samples": Layer("small trained models on generated scenes", "core measure models data", "pytest"),
    "bench": Layer("what a test sees: the fixtures' bodies", "core host measure models data samples"),
    "session": Layer(
        "a session in the controlling process", "options core judge host vcs store workers report bench", "torch timm"
    ),
    "doctor": Layer(
        "the machine looked at, and an A/A trial on it", "core judge host workers report", "torch pytest timm"
    ),
    "testing": Layer("fakes for tests: clock, worker, machine, NVML", "core workers", "torch pytest timm numpy"),
    "plugin": Layer("pytest's entry point", "options core session bench measure models"),
    "cli": Layer(
        "`pytest-modelbench`", "options core judge vcs store workers start published report doctor", "torch pytest timm"
    ),
    "reference": Layer(
        "the reference pages of the documentation: the code in, Markdown and JSON schemas out",
        "options core store report session testing plugin cli",
        "timm",
    ),
}


def layer_of(path):
    relative = path.relative_to(PACKAGE)
    return relative.parts[0] if len(relative.parts) > 1 else relative.stem


@functools.cache
def imports(path):
    """Every imported module of a file, late and conditional imports included, those for type checking not."""
    modules = []
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
            modules += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules.append(node.module or "")
    return modules


FILES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_downwards(path):
    layer = layer_of(path)
    for module in imports(path):
        top, _, rest = module.partition(".")
        assert top not in LAYERS[layer].never.split(), f"{layer} imports {module}"
        if top == "pytest_modelbench" and rest:
            other = rest.partition(".")[0]
            assert other == layer or other in LAYERS[layer].others, f"{layer} imports {module}"


def test_the_table_of_options_takes_the_lightest_of_the_standard_library_alone():
    """Every pytest run of everyone who has the package installed imports it."""
    assert set(imports(PACKAGE / "options.py")) == {"enum", "typing"}


def test_no_layer_is_above_itself():
    below = {}
    for name, layer in LAYERS.items():  # from the bottom up, so that what is below is known
        assert layer.others <= below.keys(), f"{name} may import {layer.others - below.keys()}, which are not below it"
        below[name] = layer.others


def module_of(path):
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def test_no_file_imports_itself_by_way_of_others():
    names = {module_of(path): path for path in PACKAGE.rglob("*.py")}
    needs = {
        name: {other for other in imports(path) if other in names and other != name} for name, path in names.items()
    }
    done, doing = set(), []

    def visit(name):
        assert name not in doing, " -> ".join([*doing[doing.index(name) :], name])
        if name not in done:
            doing.append(name)
            for other in sorted(needs[name]):
                visit(other)
            done.add(doing.pop())

    for name in sorted(needs):
        visit(name)


def test_nothing_needs_the_published_part():
    users = {
        layer_of(path) for path in FILES if any(m.startswith("pytest_modelbench.published") for m in imports(path))
    }
    assert users <= {"published", "cli"}


def test_the_architecture_page_has_the_table():
    rows = ["| layer | holds | may import |", "| --- | --- | --- |"]
    rows += [
        f"| `{name}` | {layer.holds} | {', '.join(f'`{other}`' for other in layer.may_import.split()) or 'nothing'} |"
        for name, layer in LAYERS.items()
    ]
    text = ARCHITECTURE.read_text()
    before, rest = text.split("<!-- layers -->\n")
    _, after = rest.split("<!-- end of layers -->\n")
    wanted = before + "<!-- layers -->\n" + "\n".join(rows) + "\n<!-- end of layers -->\n" + after
    if os.environ.get("MODELBENCH_GOLDEN") == "write":
        ARCHITECTURE.write_text(wanted)
    assert ARCHITECTURE.read_text() == wanted


def test_only_the_edge_knows_pytest():
    users = {
        str(path.relative_to(PACKAGE))
        for path in FILES
        if any(module.partition(".")[0] in ("pytest", "_pytest") for module in imports(path))
    }
    assert users == {
        "plugin.py",
        "workers/frames.py",
        "workers/notes.py",
        "workers/options.py",
        "workers/worker.py",
        "session/aside.py",
        "session/beside.py",
        "session/bisect_hooks.py",
        "session/closing.py",
        "session/hooks.py",
        "session/inline.py",
        "session/launch.py",
        "session/listed_models.py",
        "session/logs.py",
        "session/marks.py",
        "session/progress.py",
        "session/replay.py",
        "session/refusing.py",
        "session/runner.py",
        "session/warned.py",
    }


HEAVY = ("torch", "numpy", "timm", "torchmetrics", "torchvision", "pydantic", "jinja2")

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
    assert names == ["pytest_modelbench.options"]
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
