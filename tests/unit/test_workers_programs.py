"""Programs that are run before anything is measured: what they print, and what is told where they fail."""

import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from pytest_modelbench.core.errors import ModelbenchError
from pytest_modelbench.workers import programs
from pytest_modelbench.workers.programs import output_of


def python(code):
    return [sys.executable, "-c", code]


def test_a_program_has_its_folder_and_variables_and_no_input(tmp_path):
    code = "import os, sys; print(os.getcwd(), os.environ['ONE'], 'HOME' in os.environ, repr(sys.stdin.read()))"
    told = output_of(python(code), "", folder=tmp_path, variables={"ONE": "1"})
    assert told == f"{tmp_path.resolve()} 1 False ''\n"


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("import sys; print('one'); sys.exit('two\\nthree\\nfour')", " said: two / three / four"),
        ("print('an Error: here\\nand\\nso\\non'); raise SystemExit(3)", " said: an Error: here / and / so / on"),
        ("raise SystemExit(3)", " said: nothing, and ended with status 3"),
        (
            "import sys; sys.stderr.buffer.write(b'\\xff\\x1b[1m'); sys.exit(1)",
            " said: \N{REPLACEMENT CHARACTER} [1m",
        ),
        ("print('at https://me:secret@host/x' + 'x' * 999); raise SystemExit(3)", f"@host/{'x' * 174}"),
    ],
)
def test_one_that_fails_is_told_with_its_errors_and_the_end_of_what_it_said(code, told):
    with pytest.raises(ModelbenchError) as raised:
        output_of(python(code), "it cannot be built")
    assert str(raised.value).startswith("it cannot be built: ")
    assert str(raised.value).endswith(told)
    assert "me:secret@host/xxx" not in str(raised.value)


def test_one_that_is_not_there_is_told():
    with pytest.raises(ModelbenchError, match=r"^it cannot be built: no-such-program: No such file or directory$"):
        output_of(["no-such-program"], "it cannot be built")


@pytest.mark.parametrize("ends", ["by itself", "out of patience", "interrupted"])
def test_what_it_leaves_in_the_background_ends_with_it(ends, tmp_path, monkeypatch):
    path = tmp_path / "pid"
    command = ["sh", "-c", f"sleep 600 & echo $! >{path}; {'true' if ends == 'by itself' else 'wait'}"]
    if ends == "by itself":
        assert output_of(command, "") == ""
    elif ends == "out of patience":
        monkeypatch.setattr(programs, "_PATIENCE_S", 0.5)
        with pytest.raises(ModelbenchError, match=r"it cannot be built: sh -c .* did not end within 0 minutes"):
            output_of(command, "it cannot be built")
    else:
        monkeypatch.setattr(programs, "interruptible", lambda: interrupted(path))
        with pytest.raises(KeyboardInterrupt):
            output_of(command, "")
    assert ended(int(path.read_text()))


def ended(pid):
    """Whether a process ends soon; one that nobody waits for has ended as well."""
    for _ in range(500):
        stat = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True).stdout.strip()
        if stat[:1] in ("", "Z"):
            return True
        time.sleep(0.01)
    return False


@contextmanager
def interrupted(path):
    while not (path.exists() and path.read_text().strip()):
        time.sleep(0.01)
    raise KeyboardInterrupt
    yield
