"""Small projects as people have them, with the plugins that they run, which come with the extra ``citizens``."""

import json

import pytest

#: By module, the name that pytest knows the plugin by.
PLUGINS = {
    "allure_pytest": "allure_pytest",
    "pytest_cov": "pytest_cov",
    "pytest_split": "pytest-split",
    "pytest_timeout": "timeout",
    "syrupy": "syrupy",
}


@pytest.fixture
def beside(monkeypatch):
    """Lets the plugin of that module be loaded in sessions and workers, or skips where it is not installed."""

    def let(module):
        pytest.importorskip(module)
        others = [name for each, name in PLUGINS.items() if each != module]
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
