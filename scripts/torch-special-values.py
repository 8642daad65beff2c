"""
Records PyTorch's results for special values: zeros, NaN, infinities, ties and subnormal numbers. Writes
packages/autograd/fixtures/torch-special-values.json, which special-values.test.ts compares our operations with.

    python3 scripts/torch-special-values.py
"""

import json
from pathlib import Path

import torch
import torch.nn.functional as F

nan, inf = float("nan"), float("inf")
specials = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -3.0, nan, inf, -inf, 1e-40, -1e-40, 1e-20, -1e-20, 3e38, -3e38]
# Arguments for which exponentials overflow, underflow to 0, or are subnormal.
exponents = [88.5, 89.0, -87.0, -90.0, -104.0, 20.0, -20.0]
# Every pair of special values, as two operands.
pairs = [[a for a in specials for _ in specials], [b for _ in specials for b in specials]]
rows = [
    [1.0, 3.0, 3.0, 2.0],
    [-0.0, 0.0, -0.0, 0.0],
    [-1.0, -1.0, -1.0, -1.0],
    [1.0, nan, 5.0, 2.0],
    [nan, 5.0, nan, 1.0],
    [1.0, nan, nan, 7.0],
    [inf, 1.0, inf, -inf],
    [-inf, -inf, -inf, -inf],
    [-inf, 0.0, 1.0, -inf],
    [inf, nan, -inf, 1.0],
    [3e38, 3e38, -3e38, 1.0],
    [1e-40, 2e-40, -1e-40, 0.0],
    [-200.0, 0.0, -90.0, -100.0],
]

cases = []


def f32(values):
    return torch.tensor(values, dtype=torch.float32)


def numbers(tensor):
    """JSON values. NaN and infinities, which JSON lacks, and -0, which many readers lose, are strings."""
    shortest = [str(value) for value in tensor.detach().float().flatten().numpy()]
    return [text if text in ("nan", "inf", "-inf", "-0.0") else float(text) for text in shortest]


def case(op, function, *inputs, differentiable=True, dtype=torch.float32):
    """Records the values of `function`, and its gradients for an output gradient of -2 everywhere."""
    tensors = [f32(values).to(dtype).requires_grad_(differentiable) for values in inputs]
    y = function(*tensors)
    entry = {"op": op, "inputs": [{"shape": list(x.shape), "values": numbers(x)} for x in tensors], "y": numbers(y)}
    if differentiable:
        entry["gradients"] = [numbers(dx) for dx in torch.autograd.grad(y, tensors, torch.full_like(y, -2.0))]
    cases.append(entry)


def sign(x):
    """The sign of binary networks, which is never 0."""
    return torch.where(x < 0, -1.0, 1.0)


unary = {
    "neg": torch.neg,
    "abs": torch.abs,
    "exp": torch.exp,
    "log": torch.log,
    "sqrt": torch.sqrt,
    "square": torch.square,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "leakyRelu": lambda x: F.leaky_relu(x, 0.2),
    "clip": lambda x: torch.clamp(x, -0.5, 2.0),
    "square by pow": lambda x: x**2.0,
    "itself by pow": lambda x: x**1.0,
    "one by pow": lambda x: x**0.0,
    "sin": torch.sin,
    "cos": torch.cos,
    "tan": torch.tan,
    "log1p": torch.log1p,
    "expm1": torch.expm1,
    "erf": torch.erf,
    "floor": torch.floor,
    "ceil": torch.ceil,
    "round": torch.round,
    "trunc": torch.trunc,
    "softplus": F.softplus,
    "softplus with options": lambda x: F.softplus(x, beta=2.0, threshold=1.5),
    "elu": F.elu,
    "elu with options": lambda x: F.elu(x, alpha=0.5),
    "hardSwish": F.hardswish,
    "reciprocal by pow": lambda x: x**-1.0,
}
for op, function in unary.items():
    case(op, function, specials + exponents)
# Without -90, whose result is smaller than all normal numbers before it is multiplied by x.
case("silu", F.silu, specials + [88.5, 89.0, -87.0, -104.0, 20.0, -20.0])
# Without infinities, which equal the missing bound.
finite = [0.0, -0.0, 0.5, -3.0, 2.0, nan, 1e-40, 3e38, -3e38]
case("clip below", lambda x: torch.clamp(x, min=0.5), finite)
case("clip above", lambda x: torch.clamp(x, max=0.5), finite)
# Halves, and whole numbers beyond which all floats are whole.
halves = [-2.5, -1.5, -0.49999997, 0.49999997, 1.5, 2.5, 3.5, 8388607.5, 8388609.0, -16777216.0]
for op in ("floor", "ceil", "round", "trunc"):
    case(op, getattr(torch, op), halves)
case("hardSwish", F.hardswish, [-3.0, 3.0, -2.9999998, 2.9999998, -3.0000002, 3.0000002])
predicates = {"isNaN": torch.isnan, "isFinite": torch.isfinite, "logicalNot": torch.logical_not}
for op, function in predicates.items():
    case(op, lambda x, function=function: function(x).float(), specials, differentiable=False)
case("sign", sign, specials, differentiable=False)
# Moderate values, since PyTorch's gradient multiplies an infinity by 0 for large ones.
moderate = [0.0, -0.0, 1.0, -1.0, 0.5, 1e-40, 1e-20, -3.0, 8.0, nan]
case("gelu", F.gelu, moderate, dtype=torch.float64)
case("gelu by tanh", lambda x: F.gelu(x, approximate="tanh"), moderate, dtype=torch.float64)
case("prelu", lambda x, slope: F.prelu(x.reshape(-1, 1), slope).flatten(), specials, [0.25])
case("prelu", lambda x, slope: F.prelu(x.reshape(-1, 1), slope).flatten(), specials, [0.0])
case("prelu", lambda x, slope: F.prelu(x.reshape(-1, 1), slope).flatten(), specials, [-2.0])

for op in ("add", "sub", "mul", "div", "pow", "maximum", "minimum"):
    case(op, getattr(torch, op), *pairs)
# In single precision, PyTorch's remainder is NaN for denormal divisors.
case("mod", torch.remainder, *pairs, differentiable=False, dtype=torch.float64)
regular = [(a, b) for a in specials for b in specials if b not in (0.0, inf, -inf)]
case("mod", torch.remainder, *zip(*regular), dtype=torch.float64)
comparisons = {"equal": "eq", "notEqual": "ne", "less": "lt", "lessEqual": "le", "greater": "gt", "greaterEqual": "ge"}
comparisons |= {"logicalAnd": "logical_and", "logicalOr": "logical_or", "logicalXor": "logical_xor"}
for op, name in comparisons.items():
    compare = getattr(torch, name)
    case(op, lambda a, b, compare=compare: compare(a, b).float(), *pairs, differentiable=False)
case("where", lambda a, b: torch.where(a > b, a, b), *pairs)

along_rows = {
    "sum": lambda x: x.sum(-1),
    "mean": lambda x: x.mean(-1),
    "variance": lambda x: x.var(-1, unbiased=False),
    "max": lambda x: x.amax(-1),
    "min": lambda x: x.amin(-1),
    "cumsum": lambda x: x.cumsum(-1),
    "norm of order 1": lambda x: torch.linalg.vector_norm(x, 1, -1),
    "max of all axes": lambda x: x.reshape(-1, 2, 2).amax((1, 2)),
    "softmax": lambda x: torch.softmax(x, -1),
    "logSoftmax": lambda x: torch.log_softmax(x, -1),
}
for op, function in along_rows.items():
    for row in rows:
        case(op, function, [row])


def with_gradients_if(is_comparable, op, function, dtype=torch.float32):
    """Records all rows, but gradients only of those for which PyTorch computes the derivative."""
    for row in rows:
        case(op, function, [row], differentiable=is_comparable(row), dtype=dtype)


def has_no(*excluded):
    """Whether a row has none of these values, where an infinity stands for both."""
    return lambda row: not any(abs(value) in excluded for value in row)


def is_ordered(row):
    """Whether a row has no NaN."""
    return all(value == value for value in row)


# PyTorch divides the product by each element, and infinity by infinity is NaN, as is NaN by itself.
with_gradients_if(lambda row: is_ordered(row) and has_no(inf)(row), "prod", lambda x: x.prod(-1))
with_gradients_if(lambda row: is_ordered(row) and has_no(inf, 3e38)(row), "cumprod", lambda x: x.cumprod(-1))
# For -inf, we always have 0. PyTorch has NaN if all elements are -inf, or one is NaN.
with_gradients_if(
    lambda row: -inf not in row or (is_ordered(row) and max(row) > -inf),
    "logSumExp",
    lambda x: x.logsumexp(-1),
)
# Squares of large numbers overflow in single precision, and those of small ones underflow; ours are in double precision.
for row in filter(has_no(3e38), rows):
    case("std", lambda x: x.std(-1, unbiased=False), [row])
for row in filter(has_no(3e38, 1e-40), rows):
    case("norm", lambda x: torch.linalg.vector_norm(x, 2, -1), [row])
    case("norm of order 3", lambda x: torch.linalg.vector_norm(x, 3, -1), [row])
# If the norm is NaN, so is our gradient, as that of `max`, and PyTorch has 0.
with_gradients_if(is_ordered, "largest magnitude", lambda x: torch.linalg.vector_norm(x, inf, -1))
case("any", lambda x: x.any(-1).float(), rows, differentiable=False)
case("all", lambda x: x.all(-1).float(), rows, differentiable=False)

case("argMax", lambda x: x.argmax(-1).float(), rows, differentiable=False)
case("argMin", lambda x: x.argmin(-1).float(), rows, differentiable=False)


def pooled(pool, x):
    """Pools 2×2 windows, one per row."""
    return pool(x.reshape(-1, 1, 2, 2)).flatten()


case("maxPool2d", lambda x: pooled(lambda x: F.max_pool2d(x, 2), x), rows)
case("minPool2d", lambda x: pooled(lambda x: -F.max_pool2d(-x, 2), x), rows)
case("avgPool2d", lambda x: pooled(lambda x: F.avg_pool2d(x, 2), x), rows)

# One channel each: ordinary, constant, zero, with NaN, with an infinity.
for channel in ([1.0, 2.0, 3.0, 4.5], [2.5] * 4, [0.0] * 4, [1.0, nan, 2.0, 3.0], [1.0, inf, 2.0, 3.0]):
    case(
        "batchNorm",
        lambda x, gamma, beta: F.batch_norm(x.reshape(-1, 1), None, None, gamma, beta, training=True).flatten(),
        channel,
        [1.5],
        [0.25],
        # In single precision, rounding errors would show for constant channels.
        dtype=torch.float64,
    )
for row in rows:
    if max(row) > 1e38 and max(row) < inf:
        continue
    case("crossEntropy", lambda x: F.cross_entropy(x, torch.tensor([1])).reshape(1), [row])
    case(
        "smoothed crossEntropy",
        lambda x: F.cross_entropy(x, torch.tensor([1]), label_smoothing=0.1).reshape(1),
        [row],
    )

path = Path(__file__).parent.parent / "packages/autograd/fixtures/torch-special-values.json"
path.parent.mkdir(exist_ok=True)
lines = ",\n".join(json.dumps(entry, separators=(",", ":")) for entry in cases)
path.write_text(f'{{"torch":"{torch.__version__}","cases":[\n{lines}\n]}}\n')
print(f"{path}: {len(cases)} cases, {path.stat().st_size} bytes")
