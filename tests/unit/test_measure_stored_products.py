"""What is sparse or packed counts by the numbers that it holds."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from pytest_modelbench.measure.cost import static_cost
from pytest_modelbench.measure.held import packed_weights, stored_bytes

pytestmark = pytest.mark.filterwarnings(
    "ignore:Sparse (CSR|CSC|BSR|BSC)", "ignore:torch.ao.quantization", "ignore:.*quantized", "ignore:.*TypedStorage"
)

LAYOUTS = [torch.sparse_coo, torch.sparse_csr, torch.sparse_csc]


def macs(run) -> int:
    with torch.no_grad():
        return static_cost(nn.Module(), run).macs


def five_of_twelve() -> Tensor:
    """(3, 4): rows hold 2, 0 and 3 numbers, columns 2, 1, 1 and 1."""
    return torch.tensor([[1.0, 1, 0, 0], [0, 0, 0, 0], [1, 0, 1, 1]])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_sparse_factor_counts_what_it_holds(layout):
    sparse = five_of_twelve().to_sparse(layout=layout)
    assert macs(lambda: sparse @ torch.ones(4, 5)) == 5 * 5
    assert macs(lambda: sparse @ torch.ones(4)) == 5
    assert macs(lambda: torch.ones(7, 3) @ sparse) == 7 * 5


def test_a_product_that_is_added_counts_alike():
    sparse = five_of_twelve().to_sparse()
    assert macs(lambda: torch.sparse.mm(sparse, torch.ones(4, 5))) == 5 * 5
    assert macs(lambda: torch.sparse.addmm(torch.ones(3, 5), sparse, torch.ones(4, 5))) == 5 * 5
    batch = torch.stack([five_of_twelve()] * 2).to_sparse()
    assert macs(lambda: torch.bmm(batch, torch.ones(2, 4, 5))) == 2 * 5 * 5


def test_of_two_sparse_factors_only_numbers_that_meet_count():
    one = five_of_twelve()
    other = torch.tensor([[1.0, 1], [0, 0], [0, 1], [0, 0]])  # rows hold 2, 0, 1 and 0
    assert macs(lambda: torch.sparse.mm(one.to_sparse(), other.to_sparse())) == 2 * 2 + 1 * 1


def test_dense_factors_count_as_ever():
    assert macs(lambda: torch.ones(3, 4) @ torch.ones(4, 5)) == 60
    assert macs(lambda: torch.addmm(torch.ones(5), torch.ones(3, 4), torch.ones(4, 5))) == 60
    assert macs(lambda: torch.bmm(torch.ones(2, 3, 4), torch.ones(2, 4, 5))) == 120
    assert macs(lambda: torch.mv(torch.ones(3, 4), torch.ones(4))) == 12
    assert macs(lambda: torch.addmv(torch.ones(3), torch.ones(3, 4), torch.ones(4))) == 12


@pytest.mark.parametrize(
    ("layout", "expected"), [(torch.sparse_coo, 5 * (4 + 2 * 8)), (torch.sparse_csr, 5 * (4 + 8) + 4 * 8)]
)
def test_bytes_are_those_of_values_and_their_places(layout, expected):
    assert stored_bytes(five_of_twelve().to_sparse(layout=layout)) == expected


def dynamic(module: nn.Module) -> nn.Module:
    return torch.ao.quantization.quantize_dynamic(nn.Sequential(module), {type(module)}, dtype=torch.qint8)


@pytest.mark.parametrize(
    ("module", "images", "weights", "biases", "products"),
    [
        (nn.Linear(4, 3), (2, 4), 12, 3, 2 * 12),
        # Four gates, a matrix of inputs and one of states each, applied once a token; two biases each.
        (nn.LSTM(4, 3), (5, 2, 4), 4 * 3 * (4 + 3), 2 * 4 * 3, 5 * 2 * 84),
        (nn.GRU(4, 3), (5, 2, 4), 3 * 3 * (4 + 3), 2 * 3 * 3, 5 * 2 * 63),
        (nn.LSTMCell(4, 3), (2, 4), 4 * 3 * (4 + 3), 2 * 4 * 3, 2 * 84),
    ],
    ids=["linear", "lstm", "gru", "cell"],
)
def test_weights_that_are_packed_are_counted(module, images, weights, biases, products):
    quantized = dynamic(module)
    with torch.no_grad():
        cost = static_cost(quantized, lambda: quantized(torch.ones(images)))
    assert cost.parameters == weights + biases == sum(one.numel() for one in module.parameters())
    assert cost.parameter_bytes == weights + 4 * biases  # a byte a weight; biases stay float32
    assert cost.macs == products


@pytest.mark.parametrize(
    ("module", "products"),
    [
        (nn.Conv2d(3, 8, 3, groups=1), 2 * 8 * 36 * 27),
        (nn.Conv2d(4, 8, 3, groups=2), 2 * 8 * 36 * 18),
        (nn.ConvTranspose2d(3, 8, 3), 2 * 3 * 64 * 8 * 9),
    ],
)
def test_convolutions_of_whole_numbers_count_as_others_do(module, products):
    channels = module.in_channels
    prepared = nn.Sequential(torch.ao.quantization.QuantStub(), module).eval()
    prepared.qconfig = torch.ao.quantization.QConfig(
        torch.ao.quantization.default_observer, torch.ao.quantization.default_weight_observer
    )
    torch.ao.quantization.prepare(prepared, inplace=True)
    images = torch.rand(2, channels, 8, 8)
    prepared(images)
    quantized = torch.ao.quantization.convert(prepared)
    with torch.no_grad():
        assert static_cost(quantized, lambda: quantized(images)).macs == products
        plain = static_cost(module.eval(), lambda: module(images))
    assert plain.macs == products
    assert sum(one.numel() for one in packed_weights(quantized)) == plain.parameters
