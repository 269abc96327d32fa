"""Small projects as people have them, with the plugins that they run, which come with the extra ``citizens``."""

import json
from importlib import metadata

import pytest

#: By distribution, the name that pytest knows the plugin by.
PLUGINS = {
    "allure-pytest": "allure_pytest",
    "pytest-cov": "pytest_cov",
    "pytest-randomly": "randomly",
    "pytest-split": "pytest-split",
    "pytest-timeout": "timeout",
    "syrupy": "syrupy",
}


def pytest_itemcollected(item):
    """What needs a plugin of the extra can be selected: all else runs without it, too."""
    if "beside" in getattr(item, "fixturenames", ()):
        item.add_marker("citizens")


@pytest.fixture
def beside(monkeypatch):
    """Lets the plugins of that distribution be loaded in sessions and workers, or skips where it is not installed."""

    def let(distribution):
        try:
            metadata.version(distribution)
        except metadata.PackageNotFoundError:
            pytest.skip(f"{distribution} is not installed; it comes with the extra citizens")
        others = [name for each, name in PLUGINS.items() if each != distribution]
        blocked = ["hypothesispytest", "anyio", *others]
        monkeypatch.setenv("PYTEST_ADDOPTS", " ".join(f"-p no:{name}" for name in blocked))

    return let


@pytest.fixture
def results(pytester):
    """Values of the checks in ``results.json``, by their name."""

    def read():
        checks = json.loads((pytester.path / "results.json").read_text())["session"]["checks"]
        return {check["key"][1]: check["measurements"][-1]["value"] for check in checks}

    return read
