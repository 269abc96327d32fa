"""Every product of matrices or vectors counts, by whatever operator, the number of terms that its outputs sum."""

from __future__ import annotations

import pytest
import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from torch.utils.flop_counter import flop_registry

from pytest_modelbench.measure.cost import static_cost
from pytest_modelbench.measure.products import formulas


def macs(run) -> int:
    return static_cost(nn.Module(), run).macs


def ones(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.ones(shape, dtype=dtype)  # on the default device


@pytest.fixture(params=["meta", "cpu"], autouse=True)
def device(request):
    with torch.device(request.param):
        yield request.param


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        (lambda: ones(3, 4) @ ones(4), 3 * 4),
        (lambda: ones(3) @ ones(3, 4), 3 * 4),
        (lambda: ones(2, 3, 4) @ ones(4), 2 * 3 * 4),
        (lambda: F.linear(ones(4), ones(3, 4), ones(3)), 3 * 4),
        (lambda: torch.mv(ones(3, 4), ones(4), out=ones(3)), 3 * 4),
        (lambda: torch.addmv(ones(3), ones(3, 4), ones(4)), 3 * 4),
        (lambda: ones(3).addmv_(ones(3, 4), ones(4)), 3 * 4),
        (lambda: torch.dot(ones(5), ones(5)), 5),
        (lambda: torch.vdot(ones(5), ones(5)), 5),
        (lambda: torch.inner(ones(5), ones(5)), 5),
        (lambda: torch.einsum("ij,j->i", ones(3, 4), ones(4)), 3 * 4),
        (lambda: torch.linalg.multi_dot([ones(2, 3), ones(3, 4), ones(4)]), 3 * 4 + 2 * 3),
        (lambda: torch.addr(ones(3, 4), ones(3), ones(4)), 3 * 4),
        (lambda: ones(3, 4).addr_(ones(3), ones(4)), 3 * 4),
        (lambda: torch.vmap(torch.mv)(ones(2, 3, 4), ones(2, 4)), 2 * 3 * 4),
    ],
)  # fmt: skip
def test_products_with_a_vector(run, expected):
    assert macs(run) == expected


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        (lambda: ones(3, 5).addmm_(ones(3, 4), ones(4, 5)), 3 * 4 * 5),
        (lambda: torch.mm(ones(3, 4), ones(4, 5), out=ones(3, 5)), 3 * 4 * 5),
        (lambda: torch._addmm_activation(ones(5), ones(3, 4), ones(4, 5)), 3 * 4 * 5),
        (lambda: torch.addbmm(ones(3, 5), ones(2, 3, 4), ones(2, 4, 5)), 2 * 3 * 4 * 5),
        (lambda: ones(3, 5).addbmm_(ones(2, 3, 4), ones(2, 4, 5)), 2 * 3 * 4 * 5),
        (lambda: ones(2, 3, 5).baddbmm_(ones(2, 3, 4), ones(2, 4, 5)), 2 * 3 * 4 * 5),
        (lambda: torch._int_mm(ones(32, 16, dtype=torch.int8), ones(16, 8, dtype=torch.int8)), 32 * 16 * 8),
        (lambda: torch.tensordot(ones(2, 3, 4), ones(3, 4, 5), 2), 2 * 3 * 4 * 5),
        (lambda: torch.linalg.matrix_power(ones(3, 3), 3), 2 * 3**3),
    ],
)
def test_products_of_matrices(run, expected):
    assert macs(run) == expected


@pytest.mark.parametrize(("shape", "vectors"), [((2,), 2), ((2, 6), 12), ((), 1)])
def test_bilinear_layer(shape, vectors):
    layer = nn.Bilinear(3, 4, 5)
    assert macs(lambda: layer(ones(*shape, 3), ones(*shape, 4))) == vectors * 3 * 4 * 5


def test_grouped_products(device):
    if device == "meta":
        pytest.skip("the shares of groups are values")
    a, b = ones(2, 16, 32, dtype=torch.bfloat16), ones(2, 32, 8, dtype=torch.bfloat16)
    offsets = torch.tensor([4, 16], dtype=torch.int32)
    assert macs(lambda: torch._grouped_mm(a, b)) == 2 * 16 * 32 * 8
    rows = ones(16, 32, dtype=torch.bfloat16)
    assert macs(lambda: torch._grouped_mm(rows, b, offs=offsets)) == 16 * 32 * 8
    columns = ones(32, 16, dtype=torch.bfloat16)
    assert macs(lambda: torch._grouped_mm(a, columns, offs=offsets)) == 16 * 32 * 16


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        # outputs x what each sums: width of the filter x channels
        (lambda: torch.conv_tbc(ones(7, 2, 3), ones(3, 3, 4), ones(4)), (5 * 2 * 4) * (3 * 3)),
        (
            lambda: torchvision.ops.deform_conv2d(ones(1, 4, 6, 6), ones(1, 18, 6, 6), ones(8, 2, 3, 3), padding=1),
            (8 * 6 * 6) * (2 * 3 * 3),
        ),
        # inputs x where each goes
        (lambda: F.conv_transpose2d(ones(1, 4, 5, 5), ones(4, 3, 2, 2), groups=2), (4 * 5 * 5) * (3 * 2 * 2)),
    ],
)
def test_convolutions(run, expected):
    assert macs(run) == expected


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (lambda: nn.LSTM(3, 4), 10 * (16 * 3 + 16 * 4)),
        (lambda: nn.LSTM(3, 4, bias=False), 10 * (16 * 3 + 16 * 4)),
        (lambda: nn.LSTM(3, 4, 2, bidirectional=True), 10 * 2 * ((16 * 3 + 16 * 4) + (16 * 8 + 16 * 4))),
        (lambda: nn.LSTM(3, 4, proj_size=2), 10 * (16 * 3 + 16 * 2 + 2 * 4)),
        (lambda: nn.GRU(3, 4), 10 * (12 * 3 + 12 * 4)),
        (lambda: nn.RNN(3, 4), 10 * (4 * 3 + 4 * 4)),
    ],
)
@pytest.mark.parametrize("training", [True, False])
def test_recurrent_layers_count_every_token(layer, expected, training):
    """On the CPU an LSTM may be one operator of oneDNN."""
    built = layer().train(training)
    with torch.no_grad():
        assert macs(lambda: built(ones(5, 2, 3))) == expected


def test_recurrent_cells():
    lstm, gru = nn.LSTMCell(3, 4), nn.GRUCell(3, 4)
    assert macs(lambda: lstm(ones(2, 3))) == 2 * (16 * 3 + 16 * 4)
    assert macs(lambda: gru(ones(2, 3))) == 2 * (12 * 3 + 12 * 4)


@pytest.mark.parametrize(
    "run",
    [
        lambda: torch.outer(ones(3), ones(4)),
        lambda: torch.cdist(ones(3, 4), ones(3, 4)),
        lambda: torch.linalg.vecdot(ones(2, 5), ones(2, 5)),
        lambda: torch.kron(ones(2, 2), ones(2, 2)),
        lambda: ones(3, 4) * ones(3, 4),
    ],
)
def test_what_multiplies_element_by_element_counts_nothing(run):
    assert macs(run) == 0


def counted(name: str, *args, out: object) -> int:
    return formulas()[getattr(torch.ops.aten, name)](*args, out_shape=out)


def shapes(*values: tuple[int, ...]) -> list[torch.Size]:
    return [torch.Size(value) for value in values]


@pytest.mark.parametrize(
    ("name", "arguments", "out", "expected"),
    [
        # cuDNN's LSTM, two weight matrices and two biases: five tokens of two images
        ("_cudnn_rnn", [(5, 2, 3), shapes((16, 3), (16, 4), (16,), (16,)), 4], (5, 2, 4), 10 * (16 * 3 + 16 * 4)),
        ("mkldnn_linear", [(2, 6, 4), (3, 4), None], (2, 6, 3), 12 * 4 * 3),
        ("_weight_int8pack_mm", [(6, 4), (3, 4), (3,)], (6, 3), 6 * 4 * 3),
        ("_weight_int4pack_mm", [(6, 64), (1, 1, 32, 4), 32, (2, 8, 2)], (6, 8), 6 * 64 * 8),
        ("_scaled_grouped_mm", [(2, 6, 4), (2, 4, 5)], (2, 6, 5), 2 * 6 * 4 * 5),
        ("_foreach_mm", [shapes((3, 4), (2, 3)), shapes((4, 5), (3, 2))], [], 3 * 4 * 5 + 2 * 3 * 2),
        ("mkldnn_convolution", [(1, 4, 5, 5), (8, 2, 3, 3), None, [1, 1], [1, 1], [1, 1], 2], (1, 8, 5, 5), 200 * 18),
        ("slow_conv_transpose2d", [(1, 4, 5, 5), (4, 3, 2, 2), [2, 2]], (1, 3, 6, 6), 100 * 12),
    ],
)
def test_operators_of_other_devices(name, arguments, out, expected):
    """By shapes alone: nothing here runs them. The counter adds up FLOPs, two for each."""
    if not hasattr(torch.ops.aten, name):
        pytest.skip("this torch has no such operator")
    sizes = [torch.Size(one) if isinstance(one, tuple) else one for one in arguments]
    assert counted(name, *sizes, out=torch.Size(out) if isinstance(out, tuple) else out) == 2 * expected


def test_attention_of_other_devices():
    """Scores and their sums over the values, four heads of two images."""
    sizes = shapes((2, 4, 5, 8), (2, 4, 7, 8), (2, 4, 7, 16))
    for name in ("_scaled_dot_product_fused_attention_overrideable", "_scaled_dot_product_attention_math_for_mps"):
        assert counted(name, *sizes, out=[torch.Size([2, 4, 5, 16])]) == 2 * (2 * 4 * 5 * 7 * (8 + 16))


def test_formulas_of_pytorch_go_before():
    assert set(formulas()) & set(flop_registry) == {torch.ops.aten.convolution_backward}
