"""Set-up that all tests of this repository share."""

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

#: The tool's own tests: they import torch, which the controller of a --modelbench session never does.
OWN_TESTS = [Path(__file__).parent / "tests" / name for name in ("unit", "plugin", "gpu")]


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """With --modelbench, look for benchmark tests only where they are."""
    return True if config.option.modelbench and collection_path in OWN_TESTS else None
