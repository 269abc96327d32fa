"""Templates of the files that a project begins with, filled: names that go in were checked to be nothing else."""

from __future__ import annotations

import json
import shlex
from functools import cache, partial
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

_TEMPLATES = Path(__file__).with_name("templates")
#: Pinned by commit, with the release beside it, as this repository's own workflows have them.
ACTIONS = {
    "checkout": "actions/checkout@de0fac2e4500dabe0009e67214ff5f5447ce83dd # v6.0.2",
    "python": "actions/setup-python@a309ff8b426b58ec0e2a45f0f869d46889d02405 # v6.2.0",
    "upload": "actions/upload-artifact@043fb46d1a93c77aae656e7c1c64a875d1fc6a0a # v7.0.1",
}


def fill(template: str, **values: object) -> str:
    """The file that ``template`` makes of ``values``."""
    return _environment().get_template(template).render(actions=ACTIONS, **values)


@cache
def _environment() -> Environment:
    # Other marks than jinja's own, which workflows have a meaning for. Nothing is escaped: these are no pages.
    found = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=False,
        undefined=StrictUndefined,
        block_start_string="[%",
        block_end_string="%]",
        variable_start_string="[[",
        variable_end_string="]]",
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    found.filters |= {
        "quoted": shlex.quote,
        "text": partial(json.dumps, ensure_ascii=False),
    }  # YAML's text is JSON's, too
    return found
