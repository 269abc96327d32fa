"""Programs that are run before anything is measured: what they print, and what is told where they fail."""

import sys

import pytest

from pytest_modelbench.core.errors import ModelbenchError
from pytest_modelbench.workers import programs
from pytest_modelbench.workers.programs import output_of


def python(code):
    return [sys.executable, "-c", code]


def test_a_program_has_its_folder_and_variables_and_no_input(tmp_path):
    code = "import os, sys; print(os.getcwd(), os.environ['ONE'], 'PATH' in os.environ, repr(sys.stdin.read()))"
    told = output_of(python(code), "", folder=tmp_path, variables={"ONE": "1"})
    assert told == f"{tmp_path.resolve()} 1 True ''\n"


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("import sys; sys.exit('one\\ntwo\\nthree')", " said: two / three"),
        ("print('said aloud'); raise SystemExit(3)", " said: said aloud"),
        ("raise SystemExit(3)", " said: exit status 3"),
        ("import sys; sys.stderr.buffer.write(b'\\xff'); sys.exit(1)", " said: \N{REPLACEMENT CHARACTER}"),
    ],
)
def test_one_that_fails_is_told_with_the_end_of_what_it_said(code, told):
    with pytest.raises(ModelbenchError) as raised:
        output_of(python(code), "it cannot be built")
    assert str(raised.value).startswith("it cannot be built: ")
    assert str(raised.value).endswith(told)


def test_one_that_is_not_there_or_does_not_end_is_told(monkeypatch):
    with pytest.raises(ModelbenchError, match=r"it cannot be built: .*no-such-program"):
        output_of(["no-such-program"], "it cannot be built")
    monkeypatch.setattr(programs, "_PATIENCE_S", 0.01)
    with pytest.raises(ModelbenchError, match=r"it cannot be built: .*timed out after 0\.01 seconds"):
        output_of(python("import time; time.sleep(60)"), "it cannot be built")
