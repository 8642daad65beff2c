"""
Records what PyTorch computes: values, and gradients with respect to all float inputs, in double precision. The tests in
packages/autograd/src/torch-fixtures compare our operations with it. Each file of this folder but this one is a family of
operations:

    python3 scripts/torch_fixtures/reductions.py      writes packages/autograd/fixtures/torch/reductions.json
"""

import json
import sys
from pathlib import Path

import torch

folder = Path(__file__).parents[2] / "packages/autograd/fixtures/torch"
cases = []
generator = torch.Generator().manual_seed(0)


def normal(*shape):
    """Normal numbers that f32 can represent."""
    return torch.randn(shape, generator=generator).double()


def uniform(low, high, *shape):
    """Uniform numbers that f32 can represent."""
    return (low + (high - low) * torch.rand(shape, generator=generator)).float().double()


def integers(low, high, *shape):
    """Whole numbers from low to high - 1, such as indices: no gradient is recorded for them."""
    return torch.randint(low, high, shape, generator=generator, dtype=torch.int32)


def written(tensor):
    """A tensor in JSON: nine digits are enough to tell any two numbers in f32 apart."""
    dtype = "f32" if tensor.is_floating_point() else "u8" if tensor.dtype in (torch.uint8, torch.bool) else "i32"
    values = tensor.detach().flatten().tolist()
    if dtype == "f32":
        values = [value if value - value == 0 else str(value) for value in (float(f"{v:.9g}") for v in values)]
    else:
        values = [int(value) for value in values]
    return {"dtype": dtype, "shape": list(tensor.shape), "values": values}


def case(name, function, *inputs, arguments=(), note=None):
    """
    Records one call of `function`.

    :param name: The name of our function, or, for a call that the test writes itself, this name, a comma and what is
        special: "clip, above".
    :param arguments: What our function takes after the tensors, as JSON.
    """
    tensors = [x.clone().requires_grad_() if x.is_floating_point() else x for x in inputs]
    y = function(*tensors)
    entry = {"name": name, "inputs": [written(x) for x in inputs], "arguments": list(arguments), "y": written(y)}
    if note:
        entry["note"] = note
    differentiable = [x for x in tensors if x.is_floating_point()]
    if y.requires_grad:
        dy = normal(*y.shape)
        found = torch.autograd.grad(y, differentiable, dy, allow_unused=True)
        entry["dy"] = written(dy)
        entry["gradients"] = [None if dx is None else written(dx) for dx in found]
    cases.append(entry)


def write():
    """Writes the cases of the family whose file is being run."""
    family = Path(sys.argv[0]).stem
    lines = ",\n".join("  " + json.dumps(entry) for entry in cases)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{family}.json").write_text(f'{{"torch": "{torch.__version__}", "cases": [\n{lines}\n]}}\n')
