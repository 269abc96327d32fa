"""What a page of the documentation has somebody do, and whether output is as shown."""

import pytest

from tests.walkthrough import Change, Command, File, missing, normal, steps

PAGE = """
# A page

```python title="a.py"
x = 1
```

Then:

```diff title="a.py"
 # kept
-x = 1
+x = 2
```

```console
$ first
said
more
$ second
```

<!-- not run: it takes a network -->
```console
$ never
```

```python
not_a_file = 1
```
"""


def test_files_changes_and_commands_come_in_order():
    assert steps(PAGE) == [
        File("a.py", "x = 1\n"),
        Change("a.py", "# kept\nx = 1\n", "# kept\nx = 2\n"),
        Command("first", ("said", "more")),
        Command("second", ()),
    ]


def test_a_change_needs_its_lines_to_be_there():
    change = Change("a.py", "x = 1\n", "x = 2\n")
    assert change.applied_to("x = 1\ny = 1\n") == "x = 2\ny = 1\n"
    with pytest.raises(AssertionError, match=r"a\.py has these lines 0 times"):
        change.applied_to("x = 3\n")


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("1 regressed, 5 ok", "# regressed, # ok"),
        ("net.Net-b4-128-fp32  latency  1.45 ms  1.56 ms  +3.7% ±8.8  unchanged", "latency unchanged"),
        ("  macs            81.79 M  119.54 M  +46.2%  exact  regressed", "macs regressed"),
        ("  where     body.0.conv, +1 µs of +2 µs (timed with hooks)", "where body.0.conv"),
        ("  now       1.84 ms  median of 9 processes", "now"),
        ("    4a138b6 One more block", "# One more block"),
        ("AMD EPYC, 2 cores, 1 thread · torch 2.15.0 · 2 processes · 19 s", ""),
        ("* the machine ran 15.3% faster than for the baseline; the change is corrected for that", ""),
        ("  the machine itself was 3.7% slower, by the reference workload; the change was measured in pairs", ""),
        ("baselines/cpu-amd-epyc-f26m2-2c-t1/net.json", ""),
        ("====== 1 passed in 97.38s (0:01:37) ======", "= # passed in #s ="),
    ],
)
def test_of_a_line_stays_what_is_the_same_in_every_run(line, kept):
    assert normal(line) == kept


@pytest.mark.parametrize(
    ("shown", "printed", "first"),
    [
        (["a 1", "b"], ["a 2", "", "b"], None),
        (["a", "c"], ["a", "b", "c"], "c"),
        (["a", "...", "c"], ["a", "b", "c"], None),
        (["...", "c"], ["a", "c", "d"], "(the end; printed is also: d)"),
        (["...", "c", "..."], ["a", "c", "d"], None),
        (["a"], [], "a"),
        ([], ["a"], "(the end; printed is also: a)"),
    ],
)
def test_the_first_line_that_is_shown_and_not_printed_is_found(shown, printed, first):
    assert missing(shown, printed) == first
