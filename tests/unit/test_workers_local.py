"""What is told of a worker that died."""

from pytest_modelbench.workers.local import TAIL_LINES, telling_part

STACK = """\
said before
Fatal Python error: Segmentation fault

Current thread 0x00007f9b68067b80 (most recent call first):
  File "/project/test_it.py", line 8 in test_segfaults
  File "/site/_pytest/python.py", line 187 in pytest_pyfunc_call
  File "/site/pluggy/_execution.py", line 147 in _multicall
  File "/site/torch/nn/modules/module.py", line 12 in forward

Extension modules: numpy, torch (total: 2)
"""


def test_where_python_was_is_told_without_the_calls_that_run_tests():
    assert telling_part(STACK).splitlines() == [
        "Current thread 0x00007f9b68067b80 (most recent call first):",
        '  File "/project/test_it.py", line 8 in test_segfaults',
        '  File "/site/torch/nn/modules/module.py", line 12 in forward',
    ]


def test_without_a_stack_the_last_lines_are_told():
    said = "\n".join(f"line {number}" for number in range(40))
    assert telling_part(said).splitlines() == [f"line {number}" for number in range(40 - TAIL_LINES, 40)]
