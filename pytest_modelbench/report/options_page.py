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

You give an *option* to pytest for one session. You write a *setting* into `[tool.modelbench]` of the project's
pyproject.toml for all sessions. The option wins. Unknown settings and invalid values are errors.

```toml
[tool.modelbench]
device = "cuda"
rounds = [2, 4, 6, 9]
timeout = "5m"
bands = { latency = "3%" }
```

Settings may also stand in the file that pytest itself reads: `pytest.toml` or `pytest.ini` (also with a leading dot),
`tox.ini`, or `setup.cfg`, where the section is called `[tool:modelbench]`. In an ini file, separate the values of a
list with commas or lines, and give `bands` one line for each metric:

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

A session takes all its settings from one table. The first of these that exists counts:

1. the table in a file that is given with `-c`;
2. the nearest table above all the tests that the session is given (its arguments, else `testpaths`, else the current
   folder), up to the top of the repository;
3. the table in pytest's root directory.

Of several files in one folder the first counts, in this order: `pytest.toml`, `pytest.ini`, `pyproject.toml`,
`tox.ini`, `setup.cfg`. The header of a session names the file, and other files nearby that are not used.

If some of the tests have a nearer table than the others, the session ends with exit status 4 and tells how to run them
by themselves. `pytest-modelbench` follows the same rule as a pytest that is started in the same folder without
arguments; its `-c FILE` is that of pytest.

## What a path starts from

- A path in a file starts from the folder of that file.
- A path on a command line starts from the folder where it is typed. The same holds for paths in `addopts` and
  `PYTEST_ADDOPTS`, as for pytest's own options.
- A leading `~` is the home folder.
- The default folder of baselines is `baselines` beside the file with the settings, or in pytest's root directory if
  there is no such file.

Type commands that messages print in the folder where they were printed.

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
