"""Where the code of either side of a pair comes from: what was imported decides, in any layout."""

import json
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from pytest_modelbench.workers.job import Site
from pytest_modelbench.workers.origin import Origins, import_folder
from pytest_modelbench.workers.projects import distributions, packages


def write(root, *files, text=""):
    for name in files:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def install(site, name, *files, url="", editable=False, record=True):
    """A distribution in ``site`` as pip leaves it there."""
    write(site, *files)
    metadata = site / f"{name}-0.1.dist-info"
    write(metadata, "METADATA")
    if record:
        (metadata / "RECORD").write_text("".join(f"{file},sha256=x,1\n" for file in [*files, "x.py"]))
    if url:
        details = {"dir_info": {"editable": True}} if editable else {"archive_info": {}}
        (metadata / "direct_url.json").write_text(json.dumps({"url": url, **details}))
    return site


class Sides:
    """A repository at ``here`` beside a checkout of it at ``there``, which is the own side; and places outside."""

    def __init__(self, tmp_path):
        self.here, self.there = tmp_path / "here", tmp_path / "there"
        self.site = tmp_path / "venv/lib/python3.11/site-packages"
        self.site.mkdir(parents=True)
        self.elsewhere = tmp_path / "elsewhere"

    def hold(self, *files, name="demo", project="."):
        """Both trees hold ``files``, and in ``project`` the metadata of a distribution."""
        for tree in (self.here, self.there):
            write(tree, *files)
            write(tree / project, "pyproject.toml", text=f"[project]\nname = '{name}'\n")
        return self

    def strays(self, name, file, **changes):
        found = sorted(str(path.relative_to(self.there)) for path in self.there.rglob("*") if path.is_file())
        site = Site(
            [],
            own_root=str(self.there),
            other_root=str(self.here),
            packages=packages(found),
            projects=distributions(self.there, found),
            repository="../here",
        )
        module = ModuleType(name)
        module.__file__ = str(file)
        return Origins(replace(site, **changes)).strays({name: module, "builtin": ModuleType("builtin")})


@pytest.fixture
def sides(tmp_path):
    return Sides(tmp_path)


#: A module by its dotted name, where the repository holds it, and where its project's metadata lie.
LAYOUTS = {
    "flat": ("pkg", "pkg/__init__.py", "."),
    "src": ("pkg.mod", "src/pkg/mod.py", "."),
    "python": ("pkg.mod", "python/pkg/mod.py", "."),
    "deep": ("pkg.mod", "a/b/lib/pkg/mod.py", "a"),
    "monorepo": ("pkg.mod", "packages/b/src/pkg/mod.py", "packages/b"),
    "namespace": ("acme.pkg.mod", "src/acme/pkg/mod.py", "."),
    "module": ("pkg", "mods/pkg.py", "."),
    "renamed": ("other.mod", "code/mod.py", "."),
    "gone": ("pkg.gone", "src/pkg/mod.py", "."),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("way", ["name", "url of the folder", "url of a wheel"])
def test_what_a_distribution_of_the_project_installed_is_a_stray_in_any_layout(sides, layout, way):
    name, file, project = LAYOUTS[layout]
    sides.hold(file, name="Demo.Project", project=project)
    installed = name.replace(".", "/") + (".py" if "." in name or layout == "module" else "/__init__.py")
    url = {"url of the folder": (sides.here / project).as_uri(), "url of a wheel": f"{sides.here.as_uri()}/dist/x.whl"}
    dist = "demo_project" if way == "name" else "of_another_name"
    install(sides.site, dist, installed, url=url.get(way, ""))
    (told,) = sides.strays(name, sides.site / installed)
    assert told.startswith(f"{name} from {sides.site / installed}, which was installed with {dist} 0.1, this project's")
    folder = "" if way == "url of a wheel" else project.removeprefix(".")
    if layout not in ("deep", "monorepo") or way != "url of a wheel":
        assert told.endswith(f"Install it in editable mode: pip install -e ../here{folder and '/' + folder}")


def test_a_link_is_of_where_it_leads(sides):
    """Setuptools' strict editable mode fills a folder, which no commit has, with links to each file."""
    sides.hold("src/demo/net.py")
    links = write(sides.there, "build/__editable__.demo/x.py") / "build/__editable__.demo/demo"
    links.mkdir()
    for tree, name in ((sides.there, "net.py"), (sides.here, "other.py")):
        (links / name).symlink_to(write(tree, f"src/demo/{name}") / "src/demo" / name)
    assert sides.strays("demo.net", links / "net.py") == []
    (told,) = sides.strays("demo.other", links / "other.py")
    assert "which lies in the tree of the other side" in told


def test_a_copy_whose_owner_nobody_knows_is_a_stray_if_the_tree_holds_that_very_module(sides):
    sides.hold("packages/b/lib/acme/pkg/__init__.py", "packages/b/lib/acme/pkg/mod.py", project="packages/b")
    file = write(sides.elsewhere, "acme/pkg/mod.py", "acme/pkg/gone.py", "mod.py") / "acme/pkg/mod.py"
    (told,) = sides.strays("acme.pkg.mod", file)
    assert told == (
        f"acme.pkg.mod from {file}, while packages/b/lib/ of the repository holds that module as well: no installed "
        "distribution says whose it is, so it cannot be told that both sides do not measure one copy. To mend it, "
        "install the project in editable mode: pip install -e ../here/packages/b; or have pytest import it from there: "
        'pythonpath = ["packages/b/lib"] in its settings'
    )
    assert sides.strays("acme.pkg.gone", sides.elsewhere / "acme/pkg/gone.py") == []
    assert sides.strays("mod", sides.elsewhere / "mod.py") == []


@pytest.mark.parametrize("form", ["in a zip file", "in site-packages", "compiled", "in an egg"])
def test_copies_of_any_form(sides, form):
    sides.hold("lib/demo/net.pyx" if form == "compiled" else "lib/demo/net.py")
    file = {
        "in a zip file": sides.elsewhere / "x.zip/demo/net.py",
        "in site-packages": sides.site / "demo/net.py",
        "compiled": sides.elsewhere / "demo/net.cpython-311-x86_64-linux-gnu.so",
        "in an egg": sides.site / "demo-1.0-py3.11.egg/demo/net.py",
    }[form]
    (told,) = sides.strays("demo.net", file)
    assert ("which was installed with demo 1.0" in told) is (form == "in an egg")
    assert "pip install -e ../here" in told


def test_what_others_installed_is_none_though_the_repository_holds_a_copy_of_it(sides):
    sides.hold("timm/layers.py", "third_party/pyproject.toml", "third_party/timm/layers.py")
    for tree in (sides.here, sides.there):
        (tree / "third_party/pyproject.toml").write_text("[project]\nname = 'timm'\n")
    install(sides.site, "timm", "timm/layers.py")
    assert sides.strays("timm.layers", sides.site / "timm/layers.py") == []
    # Unless that copy is what was installed.
    install(sides.site, "timm", "timm/layers.py", url=f"{sides.here.as_uri()}/third_party")
    (told,) = sides.strays("timm.layers", sides.site / "timm/layers.py")
    assert told.endswith("pip install -e ../here/third_party")


def test_others_without_a_list_of_files_are_known_by_their_packages(sides):
    """As Debian installs them."""
    sides.hold("six.py", "src/demo.py")
    write(sides.site, "six.py", "demo.py", "six-1.0.egg-info/PKG-INFO")
    assert sides.strays("six", sides.site / "six.py") == []
    (sides.site / "six-1.0.egg-info/top_level.txt").write_text("six\ndemo\n")
    assert sides.strays("demo", sides.site / "demo.py") == []
    (sides.site / "six-1.0.egg-info/top_level.txt").write_text("six\n")
    assert len(sides.strays("demo", sides.site / "demo.py")) == 1


@pytest.mark.parametrize(
    ("name", "file", "why"),
    [
        ("demo.net", "{there}/src/demo/net.py", ""),
        ("demo.ext", "{there}/src/demo/ext.cpython-311-x86_64-linux-gnu.so", ""),
        ("conftest", "{there}/tests/conftest.py", ""),
        ("weird-name", "{there}/tests/test_it.py", ""),
        ("demo.net", "{here}/src/demo/net.py", "the other side"),
        ("demo.ext", "{here}/build/demo/ext.cpython-311-x86_64-linux-gnu.so", "the other side"),
        ("of_tests", "{here}/tests/of_tests.py", "the other side"),
        ("demo.net", "{there}/.venv/lib/python3.11/site-packages/demo/net.py", "cannot be told"),
        ("demo.net", "{there}/build/lib/demo/net.py", "cannot be told"),
        ("torch", "{here}/.venv/lib/python3.11/site-packages/torch/__init__.py", ""),
        ("torch", "{site}/torch/__init__.py", ""),
        ("types", "/usr/lib/python3.11/types.py", ""),
        ("conftest", "{elsewhere}/conftest.py", ""),
        ("pytest_modelbench.plugin", "{here}/pytest_modelbench/plugin.py", ""),
        ("__main__", "{here}/pytest_modelbench/workers/worker.py", ""),
        ("net", "{elsewhere}/net.py", ""),  # demo.net is another module than net
    ],
)
def test_where_a_module_lies_tells_whose_it_is(sides, name, file, why):
    sides.hold("src/demo/__init__.py", "src/demo/net.py", "tests/conftest.py", "types.py")
    file = file.format(here=sides.here, there=sides.there, site=sides.site, elsewhere=sides.elsewhere)
    found = sides.strays(name, file)
    assert [why in told for told in found] == ([True] if why else [])


def test_what_finds_the_modules_of_an_editable_installation_is_none_and_compiled_code_is_one(sides):
    sides.hold("src/demo/net.py")
    compiled = "demo/ext.cpython-311-x86_64-linux-gnu.so"
    install(sides.site, "demo", "__editable___demo_finder.py", compiled, url=sides.here.as_uri(), editable=True)
    assert sides.strays("__editable___demo_finder", sides.site / "__editable___demo_finder.py") == []
    (told,) = sides.strays("demo.ext", sides.site / compiled)
    assert "compiled code that demo 0.1 keeps in one place for both sides, and no commit is built beside it" in told


def test_a_tree_within_the_other_is_the_inner_one(sides):
    """A cache below the project: the checkout is not the working tree, and what lies beside it is not the checkout."""
    inner = sides.hold("demo.py").here / "cache/there"
    assert sides.strays("demo", write(inner, "demo.py") / "demo.py", own_root=str(inner)) == []
    (told,) = sides.strays("demo", inner / "demo.py", own_root=str(sides.here), other_root=str(inner))
    assert "the other side" in told


def test_links_are_followed_to_the_tree_that_they_lead_to(sides, tmp_path):
    sides.hold("src/demo/net.py")
    (tmp_path / "linked").symlink_to(sides.there)
    assert sides.strays("demo.net", tmp_path / "linked/src/demo/net.py") == []
    (sides.site / "demo").symlink_to(sides.here / "src/demo")
    (told,) = sides.strays("demo.net", sides.site / "demo/net.py")
    assert "pip install -e" in told
    # What the repository itself links to is the same for both sides, and so is what they would hold of it.
    write(sides.elsewhere, "shared/of_all.py")
    (sides.there / "shared").symlink_to(sides.elsewhere / "shared")
    assert sides.strays("shared.of_all", sides.there / "shared/of_all.py") == []


def test_one_tree_in_two_interpreters_shares_its_files(sides):
    sides.hold("demo.py", "tests/of_tests.py")
    same = {"other_root": str(sides.there)}
    assert sides.strays("of_tests", sides.there / "tests/of_tests.py", **same) == []
    install(sides.site, "demo", "demo.py")
    assert len(sides.strays("demo", sides.site / "demo.py", **same)) == 1


def test_outside_of_pairs_nothing_is_a_stray(sides):
    module = ModuleType("demo")
    module.__file__ = "/anywhere/demo.py"
    assert Origins(Site([])).strays({"demo": module}) == []


@pytest.mark.parametrize(
    ("name", "file", "folder"),
    [
        ("a", "/x/a/__init__.py", "/x"),
        ("a.b", "/x/a/b.cpython-311.so", "/x"),
        ("a.b", "/a/b.py", "/"),
        ("a.__init__", "/x/a/__init__.py", "/x"),
        ("b", "/x/a.py", None),
        ("z.a", "/x/a.py", None),
    ],
)
def test_the_folder_that_a_module_was_imported_from(name, file, folder):
    assert import_folder(name, str(Path(file))) == folder
