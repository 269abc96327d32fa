"""What a recorded pass launches, by part, on a driver that is made up; and what kernels are called."""

import pytest
import torch
from torch import nn

from pytest_modelbench.core.breakdown import Item
from pytest_modelbench.host.cuda_recording import CudaRecording
from pytest_modelbench.measure.launches import Launches, short_name
from tests.unit.cuda_driver import FakeDriver

ADD = "_ZN2at6native29vectorized_elementwise_kernelILi4ENS0_15CUDAFunctor_addIfEESt5arrayIPcLm3EEEEviT0_T1_"


class Launching(nn.Module):
    """Has the driver record its kernels, as a part of a model does on a device."""

    def __init__(self, driver, *work):
        super().__init__()
        self._driver, self._work = driver, work

    def forward(self, images):
        self._driver.records(*self._work)
        return images


class Net(nn.Module):
    def __init__(self, driver):
        super().__init__()
        self.stem = Launching(driver, b"gemm", b"gemm")
        self.head = nn.Sequential(Launching(driver, 2, b"gemm"), Launching(driver, 5))
        self._driver = driver

    def forward(self, images):
        images = self.head(self.stem(images))
        self._driver.records(ADD.encode())
        return images


@pytest.fixture
def recorded(monkeypatch):
    """Whether the current stream is being recorded: what the test says."""
    now = {"is": True}
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: now["is"])
    return now


def test_launches_are_those_of_the_recorded_pass_by_part(recorded):
    driver = FakeDriver()
    net = Net(driver)
    launches = Launches(net, lambda: CudaRecording(7, driver))
    recorded["is"] = False
    launches.call(lambda: net(torch.ones(1)))
    assert launches.breakdown().total == 0
    recorded["is"], net._driver = True, driver
    driver._recorded.clear()  # what runs outside of a recording is in none
    launches.call(lambda: net(torch.ones(1)))
    assert launches.breakdown().items == (
        Item("stem", "gemm", 2),
        Item("head.0", "fill of memory", 1),
        Item("head.0", "gemm", 1),
        Item("", "vectorized_elementwise_kernel of CUDAFunctor_add", 1),
    )


@pytest.mark.parametrize(
    ("kernel", "name"),
    [
        (ADD, "vectorized_elementwise_kernel of CUDAFunctor_add"),
        ("sm90_xmma_fprop_implicit_gemm_f32f32_tf32f32_f32_nhwckrsc_nhwc", None),
        ("copy of memory", None),
        ("kernel", None),
        ("a" * 100, "a" * 80),
        (
            "_ZN2at6native27unrolled_elementwise_kernelIZZZNS0_23direct_copy_kernel_cudaERNS_18TensorIteratorBaseEENKUlvE1_"
            "clEvENKUlvE5_clEvEUlfE_St5arrayIPcLm2EELi4E23TrivialOffsetCalculatorILi1EjESB_NS0_6memory12LoadWithCastILi1E"
            "EENSC_13StoreWithCastILi1EEEEEviT_T0_T2_T3_T4_T5_",
            "unrolled_elementwise_kernel of direct_copy_kernel_cuda",
        ),
        ("_ZN12_GLOBAL__N_16kernelEv", "kernel"),
    ],
)
def test_kernels_have_the_names_that_people_know(kernel, name):
    assert short_name(kernel) == (name or kernel)
