"""Sorted elements, their indices, the largest elements, and distinct values."""

import torch
from record import case, integers, normal, write

nan, inf = float("nan"), float("inf")
special = torch.tensor([[nan, 1.0, -inf, 0.0, nan], [inf, -0.0, 0.0, -1.0, 2.5]], dtype=torch.float64)
no_ties = torch.tensor([[nan, 1.0, -inf, 0.0], [inf, 0.5, -1.0, 2.5]], dtype=torch.float64)
ties = torch.tensor([[2.0, 1.0, 2.0, 1.0, 1.0, 2.0], [0.0, -0.0, 0.0, -1.0, -1.0, 3.0]], dtype=torch.float64)


def both(x, axis, descending, options, note=None):
    """A stable sort, and its indices."""
    values = lambda x: torch.sort(x, stable=True, dim=axis, descending=descending)[0]
    indices = lambda x: torch.sort(x.detach(), stable=True, dim=axis, descending=descending)[1]
    case("sort", values, x, arguments=[options], note=note)
    case("argsort", indices, x, arguments=[options], note=note)


for descending in (False, True):
    both(normal(7), -1, descending, {"descending": descending})
    both(special, 1, descending, {"descending": descending}, "NaN, infinities, zeros of both signs")
    both(ties, 1, descending, {"descending": descending}, "ties")
    both(normal(3, 4, 2), 1, descending, {"axis": 1, "descending": descending})
    both(normal(3, 4), 0, descending, {"axis": -2, "descending": descending})
    both(integers(-5, 5, 3, 6), 1, descending, {"descending": descending})
    both(integers(0, 9, 8).to(torch.uint8), 0, descending, {"descending": descending})
both(torch.empty(3, 0, dtype=torch.float64), 1, False, {}, "no elements")

for largest in (True, False):
    options = {"largest": largest}
    for k in (0, 1, 3, 5):
        x = normal(2, 5)
        case("topK", lambda x, k=k, l=largest: x.topk(k, largest=l)[0], x, arguments=[k, options])
        case("topK, indices", lambda x, k=k, l=largest: x.detach().topk(k, largest=l)[1], x, arguments=[k, options])
    case(
        "topK",
        lambda x, l=largest: x.topk(2, 1, largest=l)[0],
        normal(3, 4, 2),
        arguments=[2, {"axis": -2, "largest": largest}],
    )
    # Without ties, among which PyTorch chooses at will.
    case("topK", lambda x, l=largest: x.topk(2, largest=l)[0], no_ties, arguments=[2, options], note="NaN, infinities")
    case("topK", lambda x, l=largest: x.topk(3, largest=l)[0], integers(-5, 5, 2, 6), arguments=[3, options])

for x in (ties, integers(0, 5, 3, 4), integers(0, 5, 11).to(torch.uint8), torch.tensor(2.5), torch.empty(0)):
    # Not differentiable in PyTorch.
    given = lambda x: torch.unique(x.detach(), return_inverse=True, return_counts=True)
    case("unique, values", lambda x: given(x)[0], x)
    case("unique, inverse", lambda x: given(x)[1], x)
    case("unique, counts", lambda x: given(x)[2], x)
write()
