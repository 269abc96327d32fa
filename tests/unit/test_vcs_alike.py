"""Changes after which code does the very same."""

import pytest

from pytest_modelbench.vcs.alike import Held, alike, is_prose
from pytest_modelbench.vcs.revision import same_code
from tests.unit.test_vcs_checkout import commit, git, make

CODE = "def net(width=8):\n    return [width] * 2\n"
#: What a file may become, and whether it does the same.
CHANGES = {
    "a remark": (f"# a remark\n{CODE}", True),
    "a remark behind a line": (CODE.replace("* 2", "* 2  # twice"), True),
    "laid out anew": ("def net(\n    width = 8,\n):\n\n    return (\n        [width] * 2\n    )\n", True),
    "another encoding of lines": (CODE.replace("\n", "\r\n"), True),
    "another number": (CODE.replace("8", "9"), False),
    "a docstring": (CODE.replace("    return", '    """Twice."""\n    return'), False),
    "another name": (CODE.replace("width", "size"), False),
    "a type": (CODE.replace("width=8", "width: int = 8"), False),
    "a remark to a linter": (f"\n{CODE.replace('* 2', '* 2  # type: ignore')}", True),
    "a comment on a type": (CODE.replace("):", "):  # type: (int) -> list", 1), False),
    "a comment for a compiler": (f"# cython: boundscheck=False\n{CODE}", False),
    "another encoding": (f"# -*- coding: latin-1 -*-\n{CODE}", False),
    "nothing left": ("", False),
    "a remark alone": ("# gone\n", False),
    "no Python": ("def net(:\n", False),
    "zero bytes": (f"{CODE}\0", False),
}


@pytest.mark.parametrize(("text", "same"), CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("where", ["in the working tree", "staged", "committed", "in a commit before"])
def test_python_is_alike_where_its_syntax_trees_are(tmp_path, text, same, where):
    project = make(tmp_path / "project")
    base = commit(project, pkg__net_py=CODE)
    (project / "pkg/net.py").write_bytes(text.encode())
    if where == "staged":
        git(project, "add", "--all")
    elif where != "in the working tree":
        commit(project)
    if where == "in a commit before":
        (project / "pkg/net.py").write_text(CODE)
        base = git(project, "rev-parse", "HEAD")
    assert same_code(project, base) is same
    assert same_code(project / "pkg", base) is same


@pytest.mark.parametrize(
    ("name", "prose"),
    [
        ("README.md", True),
        ("docs/deep/page.rst", True),
        ("CHANGES.MD", True),
        (".github/workflows/test.yml", True),
        (".github/action/setup.py", True),
        ("pkg/.github/x.yml", False),
        ("labels.txt", False),
        ("docs/conf.py", False),
        ("config.yaml", False),
        ("pkg/readme", False),
    ],
)
def test_prose_changes_nothing_wherever_it_lies(tmp_path, name, prose):
    assert is_prose(name) is prose
    project = make(tmp_path / "project")
    base = commit(project, net_py=CODE)
    (project / name).parent.mkdir(parents=True, exist_ok=True)
    for text in ("new", "changed", None):
        if text is None:
            (project / name).unlink()
        else:
            (project / name).write_text(text)
        git(project, "add", "--all")
        assert same_code(project, base) is prose
        before = commit(project, "change")
        assert same_code(project, base) is (prose or text is None)
        assert same_code(project, before)


def test_what_git_does_not_tell_apart_by_text_is_never_alike(tmp_path):
    project = make(tmp_path / "project")
    base = commit(project, net_py=CODE, other_py=CODE)
    (project / "net.py").write_text(f"# a remark\n{CODE}")
    (project / "net.py").chmod(0o755)
    assert not same_code(project, base)
    (project / "net.py").chmod(0o644)
    assert same_code(project, base)
    (project / "net.py").unlink()
    (project / "net.py").symlink_to("other.py")
    assert not same_code(project, base)
    commit(project)
    assert not same_code(project, base)
    assert not alike("net.py", None, None)
    assert not alike("net.py", Held("100644", CODE), Held("100755", CODE))
    assert not alike("labels.txt", Held("100644", "a"), Held("100644", "a "))


@pytest.mark.slow
def test_of_very_many_changed_files_some_will_matter(tmp_path):
    project = make(tmp_path / "project")
    base = commit(project, **{f"n{number}_py": CODE for number in range(101)})
    for number in range(100):
        (project / f"n{number}.py").write_text(f"# {number}\n{CODE}")
    assert same_code(project, base)
    (project / "n100.py").write_text(f"# 100\n{CODE}")
    assert not same_code(project, base)
    commit(project)
    assert not same_code(project, base)


def test_names_of_any_kind_are_looked_at(tmp_path):
    project = make(tmp_path / "project")
    name = "*[a] é \n.py"
    (project / name).write_text(CODE)
    base = commit(project)
    (project / name).write_text(f"# a remark\n{CODE}")
    assert same_code(project, base)
    commit(project)
    assert same_code(project, base)
    (project / name).write_text(f"x = 1\n{CODE}")
    assert not same_code(project, base)
