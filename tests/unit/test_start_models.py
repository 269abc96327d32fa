"""Models found in the source of a project."""

import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modelbench.start.models import Kind, find_models
from pytest_modelbench.start.modules import read_modules


@pytest.fixture
def found(tmp_path):
    """Finds models in files given by path: their references and kinds."""

    def find(files):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))
        modules = read_modules(tmp_path, sorted(files))
        return [(one.reference, one.kind) for one in find_models(modules)]

    return find


NETS = """
    import torch.nn as nn
    from torch.nn import Module

    class Block(Module):
        def __init__(self): super().__init__()
        def forward(self, x): return x

    class Net(nn.Module):
        def __init__(self, width=8, *, depth=2):
            super().__init__()
            self.blocks = nn.Sequential(*[Block() for _ in range(depth)])
        def forward(self, x, mask=None): return self.blocks(x)
"""


def test_a_class_counts_where_it_can_be_made_of_nothing_and_is_no_part_of_another(found):
    assert found({"pkg/__init__.py": "", "pkg/nets.py": NETS}) == [("pkg.nets:Net", Kind.CLASS)]


@pytest.mark.parametrize(
    "body",
    [
        "def __init__(self, width): ...\n    def forward(self, x): ...",
        "def __init__(self, *, width): ...\n    def forward(self, x): ...",
        "def forward(self, predicted, target): ...",
        "def __init__(self): ...",  # nothing to call
    ],
)
def test_what_needs_arguments_or_more_than_images_is_left_out(found, body):
    assert found({"nets.py": f"from torch import nn\nclass Net(nn.Module):\n    {body}\n"}) == []


def test_private_abstract_and_other_classes_are_left_out(found):
    source = """
        import abc
        from torch import nn
        class _Net(nn.Module):
            def forward(self, x): ...
        class Base(nn.Module, abc.ABC):
            def forward(self, x): ...
        class Other:
            def forward(self, x): ...
        class Deep(Base):
            pass
    """
    assert found({"nets.py": source}) == [("nets:Deep", Kind.CLASS)]


def test_a_class_counts_that_derives_from_a_model_of_a_known_package(found):
    source = """
        import segmentation_models_pytorch as smp
        import elsewhere
        class Refined(smp.Unet):
            def __init__(self): super().__init__("resnet18")
            def forward(self, x): ...
        class Unknown(elsewhere.Unet):
            def forward(self, x): ...
    """
    assert found({"nets.py": source}) == [("nets:Refined", Kind.CLASS)]


def test_a_class_inherits_across_modules_what_it_takes(found):
    files = {
        "pkg/__init__.py": "",
        "pkg/base.py": """
            import torch
            class Base(torch.nn.Module):
                def __init__(self, width): ...
                def forward(self, x): ...
        """,
        "pkg/nets.py": """
            from .base import Base
            from pkg import base
            class Open(Base): pass
            class Wide(base.Base):
                def __init__(self): super().__init__(8)
        """,
    }
    assert found(files) == [("pkg.nets:Wide", Kind.CLASS)]


@pytest.mark.parametrize(
    "function",
    [
        "def make(width=8): return Net(width)",
        "def make(*, width=8):\n    net = Net(width)\n    return net",
        "def make() -> nn.Module: return REGISTRY['net']()",
        "def make() -> 'nn.Module': ...",
        "def make() -> Net: ...",
        "def make(): return _private()\ndef _private(): return Net()",
        "def make(): return timm.create_model('resnet18')",
        "def make(): return torchvision.models.resnet18()",
        "@functools.cache\ndef make(): return Net()",
        "def make(classes=3) -> smp.FPN: ...",
        "def make(encoder='resnet18'): return smp.Unet(encoder)",
        "def make():\n    config = transformers.ViTConfig()\n    return transformers.ViTForImageClassification(config)",
        "def make(): return monai.networks.nets.UNet(2, 1, 2, (4, 8), (2,))",
    ],
)
def test_a_function_counts_that_returns_a_model(found, function):
    imports = "import functools, monai, timm, torchvision, transformers\nimport segmentation_models_pytorch as smp\n"
    source = f"{imports}{textwrap.dedent(NETS)}\n{function}\n"
    assert found({"zoo.py": source})[0] == ("zoo:make", Kind.FACTORY)


@pytest.mark.parametrize(
    "function",
    [
        "def make(width): return Net(width)",
        "def make(): return 3",
        "import transformers\ndef make(): return transformers.ViTConfig()",
        "def make():\n    def inner(): return Net()\n    return inner",
        "def _make(): return Net()",
        "@app.command()\ndef make(): return Net()",
    ],
)
def test_other_functions_do_not_count(found, function):
    references = [name for name, _ in found({"zoo.py": f"{textwrap.dedent(NETS)}\n{function}\n"})]
    assert references == ["zoo:Net"]


def test_what_is_registered_with_timm_comes_first_and_a_class_behind_it_is_no_model_of_its_own(found):
    source = f"""{textwrap.dedent(NETS)}
from timm.models import register_model
def make_small(): return nn.Sequential()
@register_model
def net_small(pretrained=False, **kwargs): return Net(**kwargs)
"""
    assert found({"zoo.py": source}) == [("zoo:net_small", Kind.REGISTERED), ("zoo:make_small", Kind.FACTORY)]


def test_names_of_timm_count_where_a_project_has_no_function_around_them(found):
    source = """
        import timm
        from timm import create_model as create
        a = timm.create_model("resnet50.a1_in1k", pretrained=True)
        def train(name):
            b = create("vit_tiny_patch16_224")
            c = create(name)
            d = create("hf-hub:somebody/net")
        def net(): return timm.create_model("resnet18")
    """
    assert found({"train.py": source}) == [
        ("train:net", Kind.FACTORY),
        ("resnet50.a1_in1k", Kind.TIMM),
        ("vit_tiny_patch16_224", Kind.TIMM),
    ]


@pytest.mark.parametrize(
    ("path", "others", "name"),
    [
        ("nets.py", (), "nets"),
        ("pkg/nets.py", ("pkg/__init__.py",), "pkg.nets"),
        ("pkg/__init__.py", (), "pkg"),
        ("src/pkg/nets.py", ("src/pkg/__init__.py",), "pkg.nets"),
        ("src/space/nets.py", (), "space.nets"),
        ("space/nets.py", (), "space.nets"),
        ("python/pkg/sub/nets.py", ("python/pkg/__init__.py", "python/pkg/sub/__init__.py"), "pkg.sub.nets"),
        ("pkg/nets.py", ("__init__.py", "pkg/__init__.py"), "pkg.nets"),
    ],
)
def test_a_module_is_named_as_it_is_imported(found, path, others, name):
    source = "from torch import nn\nclass Net(nn.Module):\n    def forward(self, x): ...\n"
    assert found({**dict.fromkeys(others, ""), path: source}) == [(f"{name}:Net", Kind.CLASS)]


@pytest.mark.parametrize(
    "path", ["tests/nets.py", "pkg/test_nets.py", "conftest.py", "examples/a/nets.py", "my-nets.py", "pkg/layers/a.py"]
)
def test_tests_examples_layers_and_what_cannot_be_imported_are_not_looked_into(found, path):
    assert found({path: textwrap.dedent(NETS)}) == []


def test_files_that_are_no_python_are_named(tmp_path):
    (tmp_path / "old.py").write_text("print 'two'\n")
    (tmp_path / "null.py").write_bytes(b"a = 1\0")
    (tmp_path / "net.py").mkdir()
    (tmp_path / "large.py").write_text("#" * 1_000_001)
    (tmp_path / "fine.py").write_text("")
    names = ["fine.py", "gone.py", "large.py", "net.py", "null.py", "old.py"]
    assert read_modules(tmp_path, names).unread == ("gone.py", "large.py", "net.py", "null.py", "old.py")


PIECES = [
    "from torch import nn",
    "import torch",
    "class A(nn.Module): pass",
    "class B(A): pass",
    "class A(B): pass",
    "class C(C): pass",
    "def f(): return g()",
    "def g(): return f()",
    "def h(a, /, b=1, *c, d, **e): return A()",
    "from . import A",
    "from ... import f as g",
    "f = g = A",
]


@given(st.lists(st.sampled_from(PIECES), max_size=8))
def test_whatever_names_what_and_in_circles_it_ends(pieces):
    import ast

    from pytest_modelbench.start.modules import Module, Modules, _imports

    tree = ast.parse("\n".join(pieces))
    module = Module("pkg.it", ".", tree, _imports(tree, ("pkg",)))
    for one in find_models(Modules((module,))):
        assert one.reference.startswith("pkg.it:")
