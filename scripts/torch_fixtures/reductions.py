"""Products, norms, standard deviations and other reductions, and cumulative sums and products."""

import torch
from record import case, integers, normal, uniform, write

inf = float("inf")
one_zero = torch.tensor([[1.5, 0.0, -2.0], [0.5, 3.0, -1.0]], dtype=torch.float64)
zeros = torch.tensor([[0.0, 0.0, -2.0], [0.5, 0.0, -1.0]], dtype=torch.float64)
empty = torch.empty(2, 0, dtype=torch.float64)
scalar = torch.tensor(-1.25, dtype=torch.float64)
ties = torch.tensor([[2.0, -2.0, 1.0], [-0.5, 0.25, 0.5]], dtype=torch.float64)
masked = torch.tensor([[-inf, 0.5, -inf], [90.0, 89.5, -1000.0]], dtype=torch.float64)


def over_axes(function, x, axes, keep):
    """`function` takes a single axis, so the axes are flattened, at the end."""
    kept = [axis for axis in range(x.dim()) if axis not in axes]
    y = function(x.permute(*kept, *axes).flatten(len(kept)), -1)
    return y.reshape([1 if axis in axes else size for axis, size in enumerate(x.shape)]) if keep else y


case("prod", torch.prod, normal(2, 3))
case("prod", torch.prod, scalar)
case("prod", lambda x: x.prod(1), empty, arguments=[{"axes": 1}])
case("prod", lambda x: x.prod(1, keepdim=True), normal(2, 3, 4), arguments=[{"axes": 1, "keepDims": True}])
case(
    "prod",
    lambda x: over_axes(torch.prod, x, (0, 2), keep=False),
    normal(2, 3, 4),
    arguments=[{"axes": [0, 2]}],
)
case(
    "prod",
    lambda x: over_axes(torch.prod, x, (0, 2), keep=True),
    normal(3, 2, 2),
    arguments=[{"axes": [-1, 0], "keepDims": True}],
)
case("prod", lambda x: x.prod(1), one_zero, arguments=[{"axes": 1}], note="one zero")
case("prod", lambda x: x.prod(1), zeros, arguments=[{"axes": 1}], note="several zeros")
case("prod", torch.prod, zeros, note="several zeros")
case("prod", lambda x: x.prod(0).int(), integers(-9, 9, 3, 4), arguments=[{"axes": 0}])
case("prod", lambda x: x.prod(0).int(), integers(0, 255, 2, 5).to(torch.uint8), arguments=[{"axes": 0}])
case("prod", lambda x: x.prod().int(), torch.tensor([2**31 - 1, 2**31 - 3, 5], dtype=torch.int32), note="low bits")

mask = integers(0, 2, 3, 4)
for name, function in {"any": torch.any, "all": torch.all}.items():
    case(name, lambda x, f=function: f(x != 0), mask)
    case(name, lambda x, f=function: f(x != 0, 1), mask, arguments=[{"axes": 1}])
    case(name, lambda x, f=function: f(x != 0, (0, 2), True), integers(0, 2, 2, 3, 2), arguments=[{"axes": [0, 2], "keepDims": True}])
    case(name, lambda x, f=function: f(x.detach(), 1), empty, arguments=[{"axes": 1}], note="no elements")
    case(name, lambda x, f=function: f(x.detach()), torch.tensor([float("nan"), 1.0, -0.5]), note="NaN is true")

for correction in (0, 1):
    case("std", lambda x, c=correction: x.std(correction=c), normal(3, 4), arguments=[{"correction": correction}])
case("std", lambda x: x.std(1, correction=0), normal(2, 5), arguments=[{"axes": 1}])
case(
    "std",
    lambda x: x.std((0, 2), correction=1, keepdim=True),
    normal(2, 3, 4),
    arguments=[{"axes": [0, 2], "correction": 1, "keepDims": True}],
)
case("std", lambda x: x.std(1, correction=0), torch.full((2, 3), 2.5, dtype=torch.float64), arguments=[{"axes": 1}], note="0")
case("std", lambda x: x.std(correction=1).detach(), normal(1), arguments=[{"correction": 1}], note="too few")
case("std", lambda x: x.std(correction=2).detach(), normal(1), arguments=[{"correction": 2}], note="too few")

vector_norm = torch.linalg.vector_norm
case("norm", vector_norm, normal(2, 3))
case("norm", vector_norm, scalar)
case("norm", lambda x: vector_norm(x, dim=1), normal(3, 4), arguments=[{"axes": 1}])
case(
    "norm",
    lambda x: vector_norm(x, dim=(0, 2), keepdim=True),
    normal(2, 3, 4),
    arguments=[{"axes": [0, 2], "keepDims": True}],
)
case("norm", lambda x: vector_norm(x, dim=1).detach(), empty, arguments=[{"axes": 1}], note="no elements")
for p in (0.5, 1, 1.5, 2, 3, 7):
    case("norm", lambda x, p=p: vector_norm(x, p, 1), normal(2, 4), arguments=[{"axes": 1, "p": p}])
    case("norm", lambda x, p=p: vector_norm(x, p, 1), zeros, arguments=[{"axes": 1, "p": p}], note="zeros")
    case("norm", lambda x, p=p: vector_norm(x, p), torch.zeros(3, dtype=torch.float64), arguments=[{"p": p}], note="0")
for x in (zeros, scalar):
    case("norm", lambda x: vector_norm(x.detach(), 0), x, arguments=[{"p": 0}])
case("norm, infinite", lambda x: vector_norm(x, inf, 1), normal(3, 4), arguments=[{"axes": 1}])
case("norm, infinite", lambda x: vector_norm(x, inf, 1), ties, arguments=[{"axes": 1}], note="ties")
case("norm, infinite", lambda x: vector_norm(x, inf), torch.zeros(3, dtype=torch.float64), note="0")

case("logSumExp", lambda x: x.logsumexp((0, 1)), normal(2, 3))
case("logSumExp", lambda x: x.logsumexp(0), scalar)
case("logSumExp", lambda x: x.logsumexp(1), uniform(-20, 20, 3, 5), arguments=[{"axes": 1}])
case(
    "logSumExp",
    lambda x: x.logsumexp((0, 2), keepdim=True),
    normal(2, 3, 4),
    arguments=[{"axes": [0, 2], "keepDims": True}],
)
case("logSumExp", lambda x: x.logsumexp(1), masked, arguments=[{"axes": 1}], note="infinite and large")
case("logSumExp", lambda x: x.logsumexp(1).detach(), empty, arguments=[{"axes": 1}], note="no elements")

for name, function in {"cumsum": torch.cumsum, "cumprod": torch.cumprod}.items():
    case(name, lambda x, f=function: f(x, -1), normal(7))
    for axis in (0, 1, -1):
        case(name, lambda x, f=function, axis=axis: f(x, axis), normal(2, 3, 4), arguments=[axis])
    case(name, lambda x, f=function: f(x, -1), one_zero, note="one zero")
    case(name, lambda x, f=function: f(x, -1), zeros, note="several zeros")
    case(name, lambda x, f=function: f(x, 0), empty, arguments=[0], note="no elements")
    case(name, lambda x, f=function: f(x, 1).int(), integers(-9, 9, 2, 5))
    case(name, lambda x, f=function: f(x, 0).int(), integers(0, 255, 4).to(torch.uint8))
write()
