"""Functions of single elements that every network is made of: arithmetic, comparisons, activations."""

import torch
import torch.nn.functional as F
from record import case, integers, normal, uniform, write

for name in ("abs", "exp", "neg", "relu", "sigmoid", "sign", "square", "tanh"):
    case(name, getattr(torch, name), normal(2, 5))
for name in ("log", "sqrt"):
    case(name, getattr(torch, name), uniform(0.1, 3, 2, 5))
case("leakyRelu", F.leaky_relu, normal(2, 5))
case("leakyRelu", lambda x: F.leaky_relu(x, -0.3), normal(2, 5), arguments=[-0.3])
case("prelu", lambda x, slope: F.prelu(x.movedim(-1, 1), slope).movedim(1, -1), normal(2, 2, 3), normal(3))

arithmetic = {"add": torch.add, "sub": torch.sub, "mul": torch.mul, "maximum": torch.maximum, "minimum": torch.minimum}
for name, function in arithmetic.items():
    case(name, function, normal(2, 1, 3), normal(4, 1))
    case(name, function, integers(-9, 9, 2, 3), integers(-9, 9, 3))
case("div", torch.div, normal(2, 1, 3), uniform(0.5, 2, 4, 1))
case("div", lambda a, b: torch.div(a, b, rounding_mode="trunc"), integers(-20, 20, 2, 3), integers(1, 5, 3))
case("pow", torch.pow, uniform(0.2, 2, 2, 1, 3), normal(4, 1))
case("pow", torch.pow, integers(-3, 4, 2, 3), integers(0, 5, 3))

comparisons = {
    "equal": torch.eq,
    "notEqual": torch.ne,
    "less": torch.lt,
    "lessEqual": torch.le,
    "greater": torch.gt,
    "greaterEqual": torch.ge,
}
for name, function in comparisons.items():
    case(name, function, integers(-2, 2, 2, 1, 4).double(), integers(-2, 2, 3, 1).double())
    case(name, function, integers(-2, 2, 2, 4), integers(-2, 2, 4))
case("where", lambda at, a, b: torch.where(at != 0, a, b), integers(0, 2, 3, 1).byte(), normal(2, 3, 4), normal(4))
case("cast", lambda x: x.int(), uniform(-9, 9, 2, 3), arguments=["i32"], note="towards 0")
case("cast", lambda x: x.double(), normal(2, 3), arguments=["f32"])
case("cast", lambda x: x.double(), integers(-9, 9, 2, 3), arguments=["f32"])
write()
