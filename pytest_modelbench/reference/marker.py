"""The page of the marker."""

from __future__ import annotations

from pytest_modelbench.reference.markdown import table
from pytest_modelbench.session.marks import ARGUMENTS

_INTRODUCTION = """\
# Marker

Written by `python -m pytest_modelbench.reference docs/reference`; a test keeps this page equal to the code.

```python
@pytest.mark.modelbench(suite="nightly", band={"latency": "3%"}, timeout="10m")
def test_net(build_model, modelbench): ...
```

A test with this marker or with the `modelbench` fixture is a benchmark test. `pytest` deselects it, and
`pytest --modelbench` runs benchmark tests only. You need the marker only for its arguments, which are all named. If a
test, its class and its module all have markers, the nearest one counts for each argument; suites add up. An unknown
argument is an error.
"""
_BANDS = """\
## How a band is written

| band | what it tolerates |
| --- | --- |
| `5%` | a change of 5 % |
| `1% + 1MiB` | 1 %, and 1 MiB more |
| `2ms` | two milliseconds; the unit must fit the metric |
| `0.5pp` | half a percentage point, for fractions |
| `sampling` | what chance explains, for outcomes that are recorded sample by sample |
| `exact` | nothing |
"""
#: A test holds this to the arguments that are taken.
WHAT = {
    "suite": ("a name or a list of names", "the suites that the test is in; without it, the test is in every suite"),
    "band": ("a band, or a mapping from metric to band", "the tolerated change; a band without a metric is for times"),
    "timeout": ("a duration, as `90s` or `10m`", "how long the test may take in one process"),
}


def render() -> str:
    """The page of the marker and its arguments."""
    rows = [[f"`{name}`", *WHAT[name]] for name in ARGUMENTS]
    parts = (_INTRODUCTION, table(("argument", "its value", "what it says"), rows), _BANDS)
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"
