"""Functions of single elements: trigonometry, rounding, activations, remainders, logic."""

import torch
import torch.nn.functional as F
from record import case, integers, normal, uniform, write

for name in ("sin", "cos", "tan", "expm1", "erf", "floor", "ceil", "round", "trunc"):
    case(name, getattr(torch, name), uniform(-1.4, 1.4, 3, 5))
case("log1p", torch.log1p, uniform(-0.9, 3, 3, 5))
for name in ("sin", "cos"):
    case(name, getattr(torch, name), uniform(-1e5, 1e5, 13), note="large angles")
for name in ("log1p", "expm1"):
    case(name, getattr(torch, name), uniform(-1e-6, 1e-6, 7), note="small numbers")
for name in ("sin", "erf", "round"):
    case(name, getattr(torch, name), normal(), note="a scalar")
    case(name, getattr(torch, name), normal(2, 0, 3), note="no elements")

case("gelu", F.gelu, normal(4, 5))
case("gelu", lambda x: F.gelu(x, approximate="tanh"), normal(4, 5), arguments=[{"approximate": "tanh"}])
case("gelu", F.gelu, uniform(-6, -3, 7), note="where it is nearly 0")
case("silu", F.silu, uniform(-5, 5, 4, 5))
case("softplus", F.softplus, uniform(-5, 5, 4, 5))
case("softplus", lambda x: F.softplus(x, beta=2.5), normal(2, 7), arguments=[{"beta": 2.5}])
case("softplus", lambda x: F.softplus(x, beta=2, threshold=1), normal(2, 7), arguments=[{"beta": 2, "threshold": 1}])
case("elu", F.elu, normal(4, 5))
case("elu", lambda x: F.elu(x, alpha=0.3), normal(2, 7), arguments=[{"alpha": 0.3}])
case("hardSwish", F.hardswish, uniform(-5, 5, 4, 5))
case("clip", lambda x: torch.clamp(x, -0.5, 1.25), normal(4, 5), arguments=[-0.5, 1.25])
case("clamp", lambda x: torch.clamp(x, min=-0.5), normal(4, 5), arguments=[-0.5])
case("clip, between equal bounds", lambda x: torch.clamp(x, 0.5, 0.5), normal(7))
case("clip, above", lambda x: torch.clamp(x, max=0.25), normal(7))

case("mod", torch.remainder, uniform(-9, 9, 3, 5), uniform(0.4, 2, 3, 5))
case("mod", torch.remainder, uniform(-9, 9, 2, 1, 4), uniform(-2, -0.4, 3, 1), note="broadcasting, negative divisors")
case("mod", torch.remainder, uniform(-3e4, 3e4, 3, 4), uniform(0.01, 0.02, 4), note="large quotients")
case("mod", torch.remainder, integers(-20, 20, 4, 5), integers(1, 7, 5))
case("mod", torch.remainder, integers(-20, 20, 4, 5), integers(-7, 0, 5), note="negative divisors")

signs = [integers(-1, 2, 3, 4), integers(-1, 2, 4)]
for name, function in {
    "logicalAnd": torch.logical_and,
    "logicalOr": torch.logical_or,
    "logicalXor": torch.logical_xor,
}.items():
    case(name, function, *signs)
    case(name, function, integers(-1, 2, 2, 1, 3).double(), integers(-1, 2, 5, 1).double())
case("logicalNot", torch.logical_not, signs[0])
special = torch.tensor([float("nan"), float("inf"), -float("inf"), 0.0, -0.0, 1.5]).double()
case("logicalNot", torch.logical_not, special)
case("isNaN", torch.isnan, special)
case("isFinite", torch.isfinite, special)
case("isFinite", torch.isfinite, signs[1])
write()
