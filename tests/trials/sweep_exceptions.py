"""What differs by more than 0.5 % in the sweep, was raised or was changed: by model and what is compared, the reason.

`sweep.py --check` holds these against the results, both ways.
"""

from __future__ import annotations

#: Reasons that the figures themselves prove, model by model; see `sweep_compare.deviations`.
PROVEN = ("kernels", "attention", "both")
REASONS: dict[str, str] = {
    "kernels": "what a kernel takes and gives back inside one operator; without it the profiler agrees to 0.5 %",
    "attention": "the CPU computes attention another way than the GPU's kernel that is predicted; with attention taken "
    "apart on both sides they agree to 0.5 %",
    "both": "attention and kernels: without what either takes they agree to 0.5 %",
    "no formula": "PyTorch's counter, and so the tool, has no formula for the operator and counts nothing: products of "
    "a matrix and a vector, bilinear forms, products of eight-bit weights",
    "unknown to fvcore": "fvcore does not know recurrent layers",
    "not traced": "fvcore reads traced graphs, and this cannot be traced",
    "nothing to train": "there are no parameters that take a gradient, which the tool says",
    "one mode": "what torch.export made cannot be put in train mode, which the tool says",
    "its own doing": "the module changes the buffer in each pass, also in eval mode",
    "recurrent": "on the meta device PyTorch takes a recurrent layer apart step by step, in another way than the CPU's "
    "kernels do, and a GPU's do it in a third",
    "bias": "a linear layer over tokens that do not lie one after the other adds its bias in place; on the meta "
    "device, and wherever a tracker looks on, PyTorch makes a sum beside: the prediction is too high",
    "made once": "the module keeps a table from its first pass, which is neither a parameter nor a buffer: in the "
    "second step the prediction leaves it out",
    "freed unseen": "the optimizer gives a sparse weight new memory, and the profiler does not tell that the old one, "
    "which is older than its look, is freed",
}
EXCEPTIONS: dict[str, dict[str, str]] = {}
