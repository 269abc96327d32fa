"""Set-up that all tests of this repository share."""

import os
import sys
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

TESTS = Path(__file__).parent / "tests"
#: The tool's own tests: they import torch, which the controller of a --modelbench session never does.
OWN_TESTS = [TESTS / name for name in ("unit", "plugin", "gpu")]
#: Each of the processes beside each other holds torch, torchvision and timm: 1 GB and more.
MOST_PROCESSES = 8


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Run the tool's own tests side by side, one process a core, as ``-n N --dist worksteal`` would.

    Where pytest-xdist is installed, and whole folders are run. Not if the command line says how, with ``-n`` or
    ``--dist``; not where one looks on (``--pdb``, ``-s``); nor where times are judged: ``--modelbench``, ``-m long``,
    and the tests of an accelerator by themselves.
    """
    option = config.option
    if getattr(option, "numprocesses", 0) is not None or option.dist != "no" or hasattr(config, "workerinput"):
        return
    if option.usepdb or option.trace or option.capture == "no" or option.collectonly or option.modelbench:
        return
    if "long" in option.markexpr or not any(_is_worth_it(Path(argument)) for argument in config.args):
        return
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if cores > 1:
        # Stealing leaves neighbours together as long as it can: they share what they have imported and built.
        option.numprocesses, option.dist = min(cores, MOST_PROCESSES), "worksteal"


def _is_worth_it(argument: Path) -> bool:
    return argument.is_dir() and not argument.resolve().is_relative_to(TESTS / "gpu")


def pytest_configure(config: pytest.Config) -> None:
    """Let processes that tests start share bytecode; keep one of several to one thread, and its children out of xdist.

    Tests start some hundred processes, and without bytecode (`PYTHONDONTWRITEBYTECODE`, as container images have it)
    each compiles all of our files anew.
    """
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    if hasattr(config, "workerinput"):
        from pytest_modelbench.measure.arrival import when_imported

        # Two threads each, and threads that wait for one another are what the time goes into.
        when_imported("torch", lambda: sys.modules["torch"].set_num_threads(1))
        for name in [name for name in os.environ if name.startswith("PYTEST_XDIST_")]:
            del os.environ[name]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests that take minutes are run when they are asked for."""
    if "long" in config.option.markexpr:
        return
    for item in items:
        if item.get_closest_marker("long"):
            item.add_marker(pytest.mark.skip(reason="takes minutes: run it with pytest -m long"))


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """With --modelbench, look for benchmark tests only where they are."""
    return True if config.option.modelbench and collection_path in OWN_TESTS else None
