"""The page that explains every option and setting: the table of options in, Markdown out."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_modelbench.options import OPTIONS, Option
from pytest_modelbench.report.markdown import escape

_HEADER = "| option | setting | default | what it does |\n| --- | --- | --- | --- |"
_INTRODUCTION = """\
# Options and settings

Written by `python -m pytest_modelbench.report.options_page` from the table in `pytest_modelbench/options.py`; a test
keeps this page equal to it.

An option is given to pytest, for one session; a setting stands in `[tool.modelbench]` of the project's pyproject.toml,
for all of them. The option wins. Unknown settings, and values that make no sense, are errors.

```toml
[tool.modelbench]
device = "cuda"
rounds = [2, 4, 6, 9]
timeout = "5m"
bands = { latency = "3%" }
```

pytest's own file may hold the settings as well: `pytest.toml` and `pytest.ini` (with a dot before, too), `tox.ini`, and
`setup.cfg`, where the section is called `[tool:modelbench]`. In an ini file a list is written by comma or by line, and
`bands` has a line for each metric:

```ini
[modelbench]
device = cuda
rounds = 2, 4, 6, 9
timeout = 5m
bands =
    latency = 3%
    macs = 0.5%
```

## Which file holds

The nearest table above all the tests that a session is given (its arguments, else `testpaths`, else the current
folder), up to the top of the repository; else that of pytest's root directory. A file that is given with `-c` and has a
table comes before all. Of several files in one folder the first holds: `pytest.toml`, `pytest.ini`, `pyproject.toml`,
`tox.ini`, `setup.cfg`. Nothing is taken from a second one. The header of a session names the file, and those in sight
that do not hold.

A session has one table: where some of its tests have a nearer one, it ends with exit status 4 and tells how to run them
by themselves. `pytest-modelbench` goes by the same rule, as a pytest would that is started in the same folder without
arguments; its `-c FILE` is that of pytest.

## What a path starts from

A path in a file starts from that file's own folder, one on a command line from the folder where it is typed; one in
`addopts` or `PYTEST_ADDOPTS` counts as typed, as pytest's own do. A leading `~` is the home folder. Where nobody names
a folder of baselines, it is `baselines` beside the file with the settings, or in pytest's root directory where there is
no such file. Commands that messages print are to be typed in the folder where they were printed.

## All of them
"""


def render(options: Sequence[Option]) -> str:
    """The page about ``options``, in their order."""
    return "\n".join([_INTRODUCTION, _HEADER, *map(_row, options), "", _values(options)])


def _row(option: Option) -> str:
    flag = "-" if option.flag is None else _code(" ".join(filter(None, [option.flag, option.value])))
    if option.alias:
        flag += f"<br>{_code(f'{option.alias} {option.value}')}"
    setting = "-" if option.setting is None else _code(option.setting)
    default = _code(option.default) if option.default is not None else escape(option.otherwise or "-")
    told = escape(option.help)
    told += f" Formerly {_code(option.formerly)}." if option.formerly else ""
    return f"| {flag} | {setting} | {default} | {told} |"


def _values(options: Sequence[Option]) -> str:
    """How a setting is written, by what stands for its value in the table."""
    lines = ["How values of settings are written:", ""]
    for kind in dict.fromkeys(option.kind for option in options if option.setting):
        names = ", ".join(_code(option.setting) for option in options if option.kind is kind and option.setting)
        lines.append(f"- {names}: {escape(kind.value)}")
    return "\n".join([*lines, ""])


def _code(text: str) -> str:
    """``text`` as code, in a table cell: a bar would end the cell there, too."""
    return f"`{text}`".replace("|", "\\|")


if __name__ == "__main__":
    print(render(OPTIONS), end="")
