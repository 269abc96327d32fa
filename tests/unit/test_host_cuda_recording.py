"""What is asked of the CUDA driver about a recording, on a driver that is made up."""

import ctypes

import pytest

from pytest_modelbench.core.errors import MeasureError
from pytest_modelbench.host.cuda_recording import CudaRecording
from tests.unit.cuda_driver import FakeDriver

STREAM = 7


def test_nodes_of_a_growing_recording_and_what_they_are():
    driver = FakeDriver()
    recording = CudaRecording(STREAM, driver)
    assert recording.nodes() == []
    driver.records(b"relu_kernel", 1, 2, 5)  # an empty node, which only puts one before another
    first = recording.nodes()
    driver.records(b"gemm")
    assert [recording.work_of(node) for node in first] == ["relu_kernel", "copy of memory", "fill of memory", ""]
    assert recording.nodes()[:4] == first
    assert recording.work_of(recording.nodes()[4]) == "gemm"
    assert driver.streams == {STREAM}


def test_kernels_of_libraries_that_load_lazily_have_their_name_elsewhere():
    driver = FakeDriver(lazy=True)
    driver.records(b"gemm")
    recording = CudaRecording(STREAM, driver)
    assert recording.work_of(recording.nodes()[0]) == "gemm"


def test_an_old_driver_tells_no_names():
    driver = FakeDriver()
    driver.cuFuncGetName = driver.cuKernelGetName = None
    driver.records(b"gemm")
    recording = CudaRecording(STREAM, driver)
    assert recording.work_of(recording.nodes()[0]) == "kernel"


@pytest.mark.parametrize(
    ("function", "told"),
    [
        (None, "this CUDA driver has no cuGraphGetNodes"),
        (lambda *given: 700, "the CUDA driver answered cuGraphGetNodes with error 700"),
    ],
)
def test_a_driver_that_does_not_tell_is_no_count_of_nothing(function, told):
    driver = FakeDriver()
    driver.cuGraphGetNodes = function
    with pytest.raises(MeasureError, match=told):
        CudaRecording(STREAM, driver).nodes()


def test_a_stream_that_is_not_recorded_has_no_nodes_to_tell():
    with pytest.raises(MeasureError, match="not being recorded"):
        CudaRecording(STREAM, FakeDriver(graph=0)).nodes()


def test_the_layout_is_that_of_the_drivers_own_header():
    # 8 bytes of handle, 7 numbers of 4 and their padding, 4 pointers.
    driver = FakeDriver()
    assert ctypes.sizeof(driver.params_type) == 8 + 7 * 4 + 4 + 4 * 8
    assert driver.params_type.kernel.offset == 56
