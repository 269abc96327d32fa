"""Side by side with a revision of an installed project: each side measures its own code, or it is said why not."""

import sys

import pytest

NET = "def net():\n    return [0] * {}\n"
BENCH = "from {0} import net\n\ndef test_net(modelbench):\n    modelbench.record('blocks', len(net()))\n"
#: Stands for what an editable installation by a hook leaves in an environment: no path shows where it imports from.
HOOK = """
import os, sys
from importlib.machinery import PathFinder

class Hook:
    def find_spec(self, name, path=None, target=None):
        return PathFinder.find_spec(name, [os.environ["HOOKED"]]) if name in ("acme", "bare") else None

sys.meta_path.append(Hook())
"""


@pytest.fixture
def project(pytester, monkeypatch, git):
    """Writes a repository whose model at ``file`` has 2 blocks in the commit, and 3 in the working tree."""

    def write(file, module, path=None, conftest=""):
        tests = pytester.path / "packages/tests"
        tests.mkdir(parents=True)
        (tests / "test_it.py").write_text(BENCH.format(module))
        (tests / "conftest.py").write_text(conftest)
        options = "[tool.pytest.ini_options]\naddopts = '--import-mode=importlib'\n"
        options += f"pythonpath = ['{path}']\n" if path else ""
        (tests.parent / "pyproject.toml").write_text(options)
        net = pytester.path / file
        net.parent.mkdir(parents=True, exist_ok=True)
        (pytester.path / "libs/pyproject.toml").write_text("[project]\nname = 'acme.nets'\n")
        net.write_text(NET.format(2))
        git("init", "--quiet")
        git("add", "--all")
        git("commit", "--quiet", "--message", "two blocks")
        net.write_text(NET.format(3))
        # Pytest's root directory is one package of several; what is measured lies beside it.
        monkeypatch.chdir(tests.parent)

    return write


@pytest.fixture
def site(pytester):
    """A folder outside of the repository, as of an environment, into which ``acme.nets`` was installed."""
    folder = pytester.path.parent / "site"
    for name, text in {"acme/nets.py": NET.format(3), "acme_nets-1.0.dist-info/RECORD": "acme/nets.py,,\n"}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.mark.slow
def test_a_namespace_package_beside_the_root_directory_that_was_installed_compares_nothing(bench, project, site):
    project("libs/python/acme/nets.py", "acme.nets", path=site)
    result = bench("--modelbench-against=HEAD")
    result.assert_outcomes(failed=1)
    told = f"*imported acme.nets from {site}/acme/nets.py, which was installed with acme_nets 1.0*"
    result.stdout.fnmatch_lines([f"{told}pip install -e ../libs*"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "module"),
    [("libs/python/acme/nets.py", "acme.nets"), ("libs/lib/bare.py", "bare")],
    ids=["space", "module"],
)
def test_what_an_editable_hook_imports_is_each_sides_own(bench, pytester, project, monkeypatch, file, module):
    folder = (pytester.path / file).parents[module.count(".")]
    monkeypatch.setenv("HOOKED", str(folder))
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    project(file, module, conftest=HOOK)
    result = bench("--modelbench-against=HEAD")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*blocks regressed: 2 -> 3 *"])


@pytest.mark.slow
def test_a_repository_that_only_measures_what_others_made_is_compared(bench, project, site):
    (site / "acme_nets-1.0.dist-info").rename(site / "somebody_elses-1.0.dist-info")
    project("libs/vendor/acme/nets.py", "acme.nets", path=site)
    bench("--modelbench-against=HEAD").assert_outcomes(passed=1)
