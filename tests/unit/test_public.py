"""What the package exports: what people annotate fixtures with, and nothing before it is asked for."""

import inspect
import subprocess
import sys

import pytest

import pytest_modelbench
from pytest_modelbench.models.options import BuildOptions


@pytest.mark.parametrize("name", pytest_modelbench.__all__)
def test_every_public_name_is_there(name):
    assert getattr(pytest_modelbench, name) is not None


def test_others_are_not():
    with pytest.raises(AttributeError, match="module 'pytest_modelbench' has no attribute 'ModelBnech'"):
        _ = pytest_modelbench.ModelBnech


def test_to_import_it_imports_nothing_else():
    code = (
        "import sys, pytest_modelbench; "
        "print([name for name in sys.modules if name.startswith(('torch', 'pydantic', 'pytest_modelbench.'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_an_editor_is_told_the_arguments_that_build_model_takes():
    told = inspect.signature(pytest_modelbench.BuildModel.__call__).parameters
    taken = inspect.signature(BuildOptions).parameters
    assert {name: one.default for name, one in told.items() if one.kind is one.KEYWORD_ONLY} == {
        name: one.default for name, one in taken.items()
    }
