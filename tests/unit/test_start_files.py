"""What `pytest-modelbench init` sees of a project, and what it writes."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import pytest_modelbench
from pytest_modelbench.cli import main
from pytest_modelbench.start import files as start_files
from pytest_modelbench.start.filling import ACTIONS
from pytest_modelbench.start.installing import installation
from pytest_modelbench.store.tables import table_in

NETS = "from torch import nn\nclass Net(nn.Module):\n    def forward(self, x): return x\n"
PROJECT = '[project]\nname = "netlib"\nversion = "1"\n'
WORKFLOWS = Path(pytest_modelbench.__file__).parents[1] / ".github" / "workflows"


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """Makes a project of files by path, in a repository, and goes there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")

    def make(files, remote="https://somebody:secret@github.com/somebody/netlib"):
        git("init", "--quiet", "--initial-branch=trunk")
        if remote:
            git("remote", "add", "origin", remote)
        for name, content in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return tmp_path

    return make


def git(*arguments):
    subprocess.run(["git", *arguments], check=True, capture_output=True)


@pytest.fixture
def init(capsys):
    """Runs the command; what it printed, and its exit status."""

    def run(*arguments, status=0):
        assert main(["init", *arguments]) == status
        out, err = capsys.readouterr()
        return err if status else out

    return run


def contents():
    return {
        path: path.read_bytes() for path in sorted(Path().rglob("*")) if path.is_file() and ".git/" not in str(path)
    }


def test_it_writes_settings_a_test_and_workflows_and_ends_with_the_next_command(tree, init):
    tree({"pyproject.toml": PROJECT, "src/netlib/__init__.py": "", "src/netlib/nets.py": NETS})
    said = init()
    assert "models    netlib.nets:Net (a class)" in said
    assert "workflows github (the remote origin)" in said
    assert "secret" not in said
    assert said.splitlines()[-2:] == [
        "written: pyproject.toml, tests/test_modelbench.py, .gitignore, .github/workflows/modelbench-nightly.yml, "
        ".github/workflows/modelbench-pull-request.yml",
        "next: pip install -e . && pytest --modelbench --update-baselines tests/test_modelbench.py",
    ]
    assert Path("pyproject.toml").read_text() == PROJECT + '\n[tool.modelbench]\nbaselines = "baselines"\n'
    assert '\nMODELS = [\n    "netlib.nets:Net",\n]\n' in Path("tests/test_modelbench.py").read_text()
    assert "--modelbench-against trunk" in Path("tests/test_modelbench.py").read_text()
    assert Path(".gitignore").read_text() == "/modelbench-*.json\n/modelbench-*.html\n/modelbench-history/\n"


def test_a_second_run_changes_nothing_and_says_so(tree, init):
    tree({"pyproject.toml": PROJECT, "nets.py": NETS})
    init("--ci", "both")
    before = contents()
    said = init("--ci", "both")
    assert contents() == before
    assert said.splitlines()[-2] == "nothing to write: it is all there"
    assert said.count(": has it all already") == 7


def test_a_dry_run_shows_it_all_and_writes_nothing(tree, init):
    tree({"pyproject.toml": PROJECT, "nets.py": NETS})
    before = contents()
    said = init("--dry-run", "--ci", "gitlab")
    assert contents() == before
    assert "\nwould write: pyproject.toml, tests/test_modelbench.py, .gitignore, .gitlab/modelbench.yml, " in said
    assert "== .gitlab-ci.yml: new\ninclude:\n" in said


def test_what_is_there_is_left_and_what_would_be_written_is_shown(tree, init):
    there = {"tests/test_modelbench.py": "mine = 1\n", ".gitlab-ci.yml": "stages: [test]\n"}
    tree({"pyproject.toml": PROJECT, "nets.py": NETS, **there}, remote=None)
    said = init()
    for name, text in there.items():
        assert Path(name).read_text() == text
        assert f"== {name}: is there, and is left as it is\n" in said
    assert "left as they are: tests/test_modelbench.py, .gitlab-ci.yml" in said
    assert "workflows gitlab (.gitlab-ci.yml is there)" in said


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"[project]\r\nname = 'n'\r\n", b'\r\n[tool.modelbench]\r\nbaselines = "baselines"\r\n'),
        (b"[project]\nname = 'n'", b'\n\n[tool.modelbench]\nbaselines = "baselines"\n'),
        ("# é\n[project]\nname = 'n'\n".encode(), b'\n[tool.modelbench]\nbaselines = "baselines"\n'),
        (b"", b'[tool.modelbench]\nbaselines = "baselines"\n'),
    ],
)
def test_a_table_is_added_at_the_end_and_all_else_is_kept_byte_for_byte(tree, init, before, after):
    tree({"pyproject.toml": before})
    init()
    assert Path("pyproject.toml").read_bytes() == before + after


@pytest.mark.parametrize(
    ("files", "written", "section"),
    [
        ({"setup.cfg": "[metadata]\nname = n\n"}, "setup.cfg", "tool:modelbench"),
        ({"tox.ini": "[tox]\n"}, "tox.ini", "modelbench"),
        ({"pytest.ini": "[pytest]\n", "setup.cfg": ""}, "pytest.ini", "modelbench"),
        ({"pytest.toml": "[pytest]\n"}, "pytest.toml", "modelbench"),
        ({"pytest.ini": "[pytest]\n", "pyproject.toml": PROJECT}, "pyproject.toml", "tool.modelbench"),
        ({"setup.py": ""}, "pytest.ini", "modelbench"),
        ({}, "pytest.ini", "modelbench"),
    ],
)
def test_settings_go_to_the_file_that_may_have_them(tree, init, files, written, section):
    folder = tree(files)
    init()
    assert table_in(folder / written).section == section
    assert table_in(folder / written).values == {"baselines": "baselines"}


def test_settings_that_hold_already_are_left(tree, init, monkeypatch):
    folder = tree({"pyproject.toml": "[tool.modelbench]\nbaselines = 'gold'\n", "packages/a/setup.py": ""})
    monkeypatch.chdir(folder / "packages" / "a")
    assert "held against the baselines in gold/" in init()
    assert not Path("pytest.ini").exists()


def test_a_package_called_baselines_is_not_where_they_go(tree, init):
    tree({"pyproject.toml": PROJECT, "baselines/__init__.py": ""})
    init()
    assert table_in(Path("pyproject.toml").absolute()).values == {"baselines": "modelbench-baselines"}


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        ('testpaths = ["checks"]', "checks/test_modelbench.py"),
        ('python_files = "*_test.py"', "test/modelbench_test.py"),
        ("", "test/test_modelbench.py"),
    ],
)
def test_the_test_goes_where_pytest_looks(tree, init, settings, path):
    tree({"pyproject.toml": f"[tool.pytest.ini_options]\n{settings}\n", "test/a.py": "", "checks/a.py": ""})
    init()
    assert Path(path).is_file()


@pytest.mark.parametrize(
    ("files", "command"),
    [
        ({"nets.py": NETS}, "PYTHONPATH=. pytest"),
        ({"src/netlib/nets.py": NETS}, "PYTHONPATH=src pytest"),
        ({"code dir/netlib/__init__.py": "", "code dir/netlib/nets.py": NETS}, "PYTHONPATH='code dir' pytest"),
        ({"src/netlib/nets.py": NETS, "pytest.ini": "[pytest]\npythonpath = src\n"}, "pytest"),
        ({"pyproject.toml": PROJECT, "netlib/nets.py": NETS}, "pip install -e . && pytest"),
        ({"pyproject.toml": PROJECT, "a.py": "import timm\ntimm.create_model('resnet18')\n"}, "pytest"),
    ],
)
def test_the_next_command_sees_to_it_that_modules_are_found(tree, init, files, command):
    tree(files)
    last = init().splitlines()[-1]
    assert last == f"next: {command} --modelbench --update-baselines tests/test_modelbench.py"


def test_models_that_are_given_are_taken_and_no_others(tree, init):
    tree({"pyproject.toml": PROJECT, "nets.py": NETS})
    init("timm:resnet50", "vit_base_patch16_224.augreg_in21k", "other.place:make", "timm:resnet50")
    assert Path("tests/test_modelbench.py").read_text().split("MODELS = [")[1].split("]")[0].split() == [
        '"resnet50",', '"vit_base_patch16_224.augreg_in21k",', '"other.place:make",'
    ]  # fmt: skip


def test_models_of_the_settings_are_turned_into_a_test(tree, init):
    tree({"pyproject.toml": PROJECT + '[tool.modelbench]\nmodels = ["timm:resnet50"]\n', "nets.py": NETS})
    said = init()
    assert 'MODELS = [\n    "resnet50",\n]' in Path("tests/test_modelbench.py").read_text()
    assert "take them out of pyproject.toml, or each is measured twice" in said


def test_a_pattern_becomes_what_it_matches(tree, init):
    tree({"pyproject.toml": PROJECT, "zoo.py": "def make_a(): ...\ndef make_b(): ...\ndef _make_c(): ...\n"})
    init("zoo:*make*", "timm:resnet18")
    models = Path("tests/test_modelbench.py").read_text().split("MODELS = [")[1].split("]")[0].split()
    assert models == ['"zoo:make_a",', '"zoo:make_b",', '"resnet18",']


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("zoo:none*", "MODEL: nothing matches 'zoo:none*'; look at its module"),
        ("bad:*", "bad:*: its module cannot be imported: ZeroDivisionError: division by zero"),
        ("zoo:make*", "60 models are more than a test of them would be waited for; name fewer"),
    ],
)
def test_a_pattern_that_matches_nothing_or_too_much_is_refused(tree, init, given, said):
    makers = "".join(f"def make{at}(): ...\n" for at in range(60))
    tree({"pyproject.toml": PROJECT, "zoo.py": makers, "bad.py": "1 / 0\n"})
    assert said in init(given, status=4)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("nets:Nte", "nets:Nte: no model of that name was seen. Did you mean 'nets:Net'?"),
        ("a b", "'a b' is no model: write timm:NAME, or package.module:callable"),
        ('x"\n]\nimport os', "is no model"),
        ("", "is no model"),
    ],
)
def test_what_can_be_no_model_is_refused_and_nothing_is_written(tree, init, given, said):
    tree({"pyproject.toml": PROJECT, "nets.py": NETS})
    before = contents()
    assert said in init(given, status=4)
    assert contents() == before


def test_of_many_models_the_first_are_taken_and_the_number_of_others_is_told(tree, init):
    classes = "".join(f"class Net{at:03}(nn.Module):\n    def forward(self, x): return x\n" for at in range(400))
    tree({"nets.py": "from torch import nn\n" + classes})
    assert "and 388 more, left out; name those that you want" in init()


def test_without_a_model_there_is_an_example_that_says_it_is_one(tree, init):
    tree({"pyproject.toml": PROJECT, "old.py": "print 'two'\n"})
    said = init()
    assert "an example: no model was seen that needs no arguments" in said
    assert "not looked into, as it is no Python that this one reads: old.py" in said
    assert "the one below is an example" in Path("tests/test_modelbench.py").read_text()


def test_a_subfolder_is_no_project(tree, init, monkeypatch):
    folder = tree({"pyproject.toml": PROJECT, "src/netlib/nets.py": NETS})
    monkeypatch.chdir(folder / "src")
    assert init(status=4) == f"pytest-modelbench: the project's pyproject.toml is in {folder}: run this there\n"


def test_a_project_below_the_top_has_its_workflows_at_the_top(tree, init, monkeypatch):
    folder = tree({"pyproject.toml": PROJECT, "packages/my net/pyproject.toml": PROJECT})
    monkeypatch.chdir(folder / "packages" / "my net")
    init("--ci", "both")
    nightly = (folder / ".github/workflows/modelbench-nightly.yml").read_text()
    assert '    working-directory: "packages/my net"\n' in nightly
    assert "            packages/my net/modelbench-*.json\n" in nightly
    assert "    - \"cd 'packages/my net'\"\n" in (folder / ".gitlab/modelbench.yml").read_text()


def test_a_folder_whose_name_would_be_more_than_a_name_in_a_workflow_gets_none(tree, init, monkeypatch):
    folder = tree({"a${{ b }}/setup.py": ""})
    monkeypatch.chdir(folder / "a${{ b }}")
    assert "no workflow can be written for a folder of this name" in init(status=4)
    assert "written: pytest.ini" in init("--ci", "none")


HOSTILE = '"""+__import__("os").system("id")+"""'


def test_names_that_would_be_code_in_a_test_are_left_out_of_it(tree, init):
    tree({"pyproject.toml": PROJECT + f"[tool.modelbench]\nbaselines = '{HOSTILE}'\n", "nets.py": NETS})
    git("symbolic-ref", "HEAD", f"refs/heads/{HOSTILE}")
    said = init("--ci", "none")
    written = ast.parse(Path("tests/test_modelbench.py").read_text())
    assert "held against the baselines.\n" in ast.get_docstring(written)
    assert "__import__" not in said
    assert [type(one) for one in written.body] == [ast.Expr, ast.Import, ast.Assign, *[ast.FunctionDef] * 2]
    assert 'no workflow can be written for a folder of this name: \'"""+__import__' in init("--ci", "both", status=4)


def test_modules_in_a_folder_whose_name_would_be_code_get_no_test(tree, init):
    tree({f"{HOSTILE}/netlib/__init__.py": "", f"{HOSTILE}/netlib/nets.py": NETS})
    before = contents()
    assert "no test can be written of modules in a folder of this name" in init(status=4)
    assert contents() == before


@pytest.mark.parametrize("came", ["tests/test_modelbench.py", "pyproject.toml", ".gitignore"])
def test_what_another_process_writes_between_planning_and_writing_is_left_to_it(tree, init, monkeypatch, came):
    tree({"pyproject.toml": PROJECT, "nets.py": NETS, "tests/a.py": ""})
    checked = start_files._check_place

    def late(path):
        checked(path)
        if path.name == Path(came).name:
            path.write_text("theirs\n")

    monkeypatch.setattr(start_files, "_check_place", late)
    assert f"{Path(came).name}: another process wrote it meanwhile, and it is left as it is" in init(status=4)
    assert Path(came).read_text() == "theirs\n"
    assert ("theirs" in Path("pyproject.toml").read_text()) == (came == "pyproject.toml")


def test_a_file_that_comes_at_the_last_moment_is_not_replaced(tree, init, monkeypatch):
    tree({"pyproject.toml": PROJECT, "nets.py": NETS})

    def late(path):
        path.mkdir(exist_ok=True)
        (path / "test_modelbench.py").write_text("1")

    monkeypatch.setattr(start_files, "make_folder", late)
    assert "test_modelbench.py: another process wrote it meanwhile" in init(status=4)
    assert Path("tests/test_modelbench.py").read_text() == "1"


@pytest.mark.parametrize(
    ("there", "wired"),
    [
        ("include:\n  - local: /.gitlab/modelbench.yml\n", True),
        ("stages: [a]\ninclude:\n- template: x.yml\n- '.gitlab/modelbench.yml'  # ours\nb:\n  script: c\n", True),
        ('include: "/.gitlab/modelbench.yml"\n', True),
        ("include: [a.yml, /.gitlab/modelbench.yml]\n", True),
        ("# include: /.gitlab/modelbench.yml\ninclude: a.yml\n", False),
        ("include:\n  # - local: /.gitlab/modelbench.yml\n  - local: a.yml\n", False),
        ("include:\n  - project: other\n    file: /.gitlab/modelbench.yml\n", False),
        ("include: a.yml\njob:\n  script:\n    - .gitlab/modelbench.yml\n", False),
        ("include: /other/.gitlab/modelbench.yml\n", False),
    ],
)
def test_gitlab_takes_our_jobs_by_an_entry_of_its_include_alone(tree, init, there, wired):
    tree({"pyproject.toml": PROJECT, ".gitlab-ci.yml": there})
    fate = "has it all already" if wired else "is there, and is left as it is"
    assert f"== .gitlab-ci.yml: {fate}\n" in init("--ci", "gitlab") + "\n"
    assert ("nothing to write: it is all there" in init("--ci", "gitlab")) is wired


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"pyproject.toml": "[project\n"}, "pyproject.toml: cannot be read"),
        ({"pyproject.toml": b"\xff\n[project]\n"}, "pyproject.toml: cannot be read"),
        ({"pyproject.toml": 'tool = {x = "y"}\n'}, "pyproject.toml: cannot be read"),
        ({"tests": "", "pyproject.toml": PROJECT}, "is no folder; move it away. Nothing was written"),
        ({".github": "", "pyproject.toml": PROJECT}, "is no folder; move it away. Nothing was written"),
        ({".gitignore/a": "", "pyproject.toml": PROJECT}, ".gitignore: is no file; move it away"),
    ],
)
def test_where_one_file_cannot_be_written_none_is(tree, init, files, said):
    tree(files)
    before = contents()
    told = init(status=4)
    assert said in told
    assert "Traceback" not in told
    assert contents() == before


def test_a_folder_that_is_not_writable_is_named(tree, init, monkeypatch):
    tree({"pyproject.toml": PROJECT, "tests/a.py": ""})
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "tests")  # root may write anywhere
    assert "tests is not writable; make it so. Nothing was written" in init(status=4)
    assert Path("pyproject.toml").read_text() == PROJECT


def test_a_link_that_leads_nowhere_is_left(tree, init):
    folder = tree({"pyproject.toml": PROJECT, "tests/a.py": ""})
    (folder / "tests" / "test_modelbench.py").symlink_to(folder / "gone.py")
    assert "== tests/test_modelbench.py: is there, and is left as it is" in init()
    assert not (folder / "gone.py").exists()


def test_names_that_drive_a_terminal_are_made_harmless(tree, init):
    tree({"pyproject.toml": PROJECT, "bad\x1b[2J\u202e.py": "print 'two'\n"})
    said = init("--dry-run")
    assert "\x1b" not in said
    assert "\u202e" not in said


@pytest.mark.parametrize(
    ("pyproject", "arguments", "python"),
    [
        (PROJECT, "-e . pytest-modelbench", "3.12"),
        (PROJECT + 'requires-python = ">=3.13"\n', "-e . pytest-modelbench", "3.13"),
        (PROJECT + 'requires-python = ">=3.9,<3.12"\n', "-e . pytest-modelbench", "3.11"),
        (PROJECT + 'requires-python = ">=3.12.4"\n', "-e . pytest-modelbench", "3.12"),
        (PROJECT + 'requires-python = "nonsense"\n', "-e . pytest-modelbench", "3.12"),
        (PROJECT + 'dependencies = ["pytest_modelbench>=0.1"]\n', "-e .", "3.12"),
        (PROJECT + 'dependencies = ["pytest-modelbench-extras"]\n', "-e . pytest-modelbench", "3.12"),
        (PROJECT + '[project.optional-dependencies]\ntest = ["pytest-modelbench"]\n', "-e '.[test]'", "3.12"),
        (PROJECT + '[dependency-groups]\ndev = ["pytest-modelbench"]\n', "-e . --group dev", "3.12"),
        ("[tool.black]\n", "-r requirements.txt pytest-modelbench", "3.12"),
    ],
)
def test_what_pip_is_given(tmp_path, pyproject, arguments, python):
    (tmp_path / "pyproject.toml").write_text(pyproject)
    (tmp_path / "requirements.txt").write_text("torch\n")
    found = installation(tmp_path)
    assert found.command == f"python -m pip install {arguments}"
    assert found.python == python


def test_actions_are_those_of_our_own_workflows():
    ours = "".join(path.read_text() for path in WORKFLOWS.glob("*.yml"))
    for action in ACTIONS.values():
        assert action in ours


def tool(name):
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.is_file() else shutil.which(name)
    return found or pytest.skip(f"{name} is not installed; it comes with the extra lint")


@pytest.mark.slow
@pytest.mark.parametrize("files", [{"pyproject.toml": PROJECT}, {"a/b c/setup.py": "", "a/b c/nets.py": NETS}])
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("check-jsonschema", "--builtin-schema vendor.github-workflows {github}"),
        ("check-jsonschema", "--builtin-schema custom.github-workflows-require-timeout {github}"),
        ("check-jsonschema", "--builtin-schema vendor.gitlab-ci .gitlab-ci.yml .gitlab/modelbench.yml"),
        ("zizmor", "--offline --no-progress --strict-collection .github/workflows"),
    ],
)
def test_workflows_hold_before_their_linters(tree, init, monkeypatch, files, name, arguments):
    command = tool(name)
    folder = tree(files)
    monkeypatch.chdir((folder / next(iter(files))).parent)
    init("--ci", "both")
    github = " ".join(f".github/workflows/modelbench-{one}.yml" for one in ("nightly", "pull-request"))
    done = subprocess.run(
        [command, *arguments.format(github=github).split()], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
