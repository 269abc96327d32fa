"""Set-up that all tests of this repository share."""

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

#: The tool's own tests: they import torch, which the controller of a --modelbench session never does.
OWN_TESTS = [Path(__file__).parent / "tests" / name for name in ("unit", "plugin", "gpu")]


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
