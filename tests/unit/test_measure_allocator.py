import subprocess
import sys

import pytest

COUNT = """
import resource, torch
from pytest_modelbench.measure.allocator import settle_allocator
settle_allocator()

def work():
    return [torch.empty(3 * 2**20, dtype=torch.uint8).zero_() for _ in range(4)]

for _ in range(5):
    work()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    work()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults():
    done = subprocess.run([sys.executable, "-c", COUNT], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="about glibc")
def test_outputs_of_a_settled_process_cost_no_page_faults():
    """Four outputs of 3 MB, made and freed 20 times. Unsettled, about every other process pays for each anew."""
    assert max(faults() for _ in range(2)) < 50
