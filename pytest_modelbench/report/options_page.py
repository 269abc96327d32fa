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
