"""Operations that move, repeat or create elements: flips, tiles, parts, borders."""

import numpy
import torch
import torch.nn.functional as F
from record import case, integers, normal, write

x = normal(2, 3, 2)

for axes in (0, -1, [0, 2], [-2]):
    case("flip", lambda x: x.flip(axes), x, arguments=[axes])
case("flip", lambda x: x.flip([0, 1, 2]), x, note="all axes, as in NumPy")
case("flip", lambda x: x.flip([1]), integers(-9, 9, 3, 2), arguments=[1])
case("flip", lambda x: x.flip([0]), normal(0, 2), arguments=[0])

for shifts, axes in ((1, 0), (-5, 2), ([1, -2], [0, -1]), ([1, 1], [1, 1])):
    case("roll", lambda x: x.roll(shifts, axes), x, arguments=[shifts, axes])
case("roll", lambda x: x.roll(5), x, arguments=[5], note="flattened")
case("roll", lambda x: x.roll(1, 0), integers(0, 9, 5), arguments=[1, 0])

for repetitions in ([2], [2, 1, 3], [2, 2, 1, 1], [0, 1]):
    case("tile", lambda x: torch.tile(x, repetitions), x, arguments=[repetitions])
case("tile", lambda x: x.repeat(2, 2, 1), x, arguments=[[2, 2, 1]], note="repeat of PyTorch")
case("tile", lambda x: torch.tile(x, (3,)), normal(), arguments=[3])

case("repeat", lambda x: x.repeat_interleave(2, 1), x, arguments=[2, 1])
case("repeat", lambda x: x.repeat_interleave(3, -1), x, arguments=[3, -1])
case("repeat", lambda x: x.repeat_interleave(2), x, arguments=[2], note="flattened")
case("repeat", lambda x: x.repeat_interleave(torch.tensor([2, 0, 1]), 1), x, arguments=[[2, 0, 1], 1])
rows = numpy.arange(6, dtype=numpy.int32).reshape(2, 3)
case(
    "repeat",
    lambda x: torch.from_numpy(numpy.repeat(x.numpy(), [1, 3], 0)),
    torch.from_numpy(rows),
    arguments=[[1, 3], 0],
    note="NumPy",
)

for part in range(3):
    case("split", lambda x: x.split(2, 1)[part], normal(2, 5), arguments=[2, 1, part])
    case("split", lambda x: x.split([1, 0, 3], -1)[part], normal(2, 4), arguments=[[1, 0, 3], -1, part])

case("expand", lambda x: x.expand(-1, 3, -1), normal(2, 1, 4), arguments=[[-1, 3, -1]])
case("expand", lambda x: x.expand(2, -1, 3), normal(4, 1), arguments=[[2, -1, 3]])
case("expand", lambda x: x.expand(2, 3), normal(), arguments=[[2, 3]])

case("squeeze", lambda x: x.squeeze(), normal(1, 3, 1, 2, 1))
case("squeeze", lambda x: x.squeeze((0, -1)), normal(1, 3, 1, 2, 1), arguments=[[0, -1]])
case("unsqueeze", lambda x: x.unsqueeze(-1), x, arguments=[-1])
case(
    "unsqueeze",
    lambda x: torch.from_numpy(numpy.expand_dims(x.numpy(), (0, -1, 2))),
    torch.from_numpy(rows),
    arguments=[[0, -1, 2]],
    note="expand_dims of NumPy",
)

for start, stop, count in ((0, 1, 5), (3, -2, 8), (2, 2, 3), (-1, 7, 1), (0, 5, 0), (1e6, 1e6 + 1, 4)):
    case("linspace", lambda: torch.linspace(start, stop, count, dtype=torch.float64), arguments=[start, stop, count])

pads = [[1, 2], [0, 1], [2, 0]]
torch_pads = [count for axis in reversed(pads) for count in axis]
case("pad", lambda x: F.pad(x, torch_pads), x, arguments=[pads])
case("pad", lambda x: F.pad(x, torch_pads, value=-1.5), x, arguments=[pads, {"value": -1.5}])
case("pad", lambda x: F.pad(x, torch_pads, value=7), integers(0, 9, 2, 3, 2), arguments=[pads, {"value": 7}])
for mode in ("reflect", "replicate"):
    border = [[0, 0], [0, 0], [2, 1], [3, 2]]
    flat = [count for axis in reversed(border[2:]) for count in axis]
    case(
        "pad",
        lambda x: F.pad(x, flat, mode=mode),
        normal(1, 1, 3, 4),
        arguments=[border, {"mode": mode}],
    )
case("pad", lambda x: F.pad(x, (5, 4), mode="replicate"), normal(1, 2, 2), arguments=[[[0, 0], [0, 0], [5, 4]], {"mode": "replicate"}])
write()
