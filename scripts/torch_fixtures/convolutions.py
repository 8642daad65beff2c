"""
2-D convolutions, and their gradients as functions that have gradients, too. PyTorch has channels before pixels, and we
have them last, so tensors are permuted here.
"""

import torch.nn.functional as F
from record import case, normal, write
from torch.nn.grad import conv2d_input, conv2d_weight


def first(x):
    """Channels from the last axis to the second."""
    return x.movedim(-1, 1)


def last(x):
    """Channels from the second axis to the last."""
    return x.movedim(1, -1)


for x_shape, filter_shape, options in (
    ((1, 3, 4, 2), (3, 3, 2, 2), {"padding": 1}),
    ((2, 4, 3, 1), (2, 2, 3, 1), {"stride": [2, 1], "padding": [0, 2], "dilation": [1, 2]}),
    ((1, 5, 3, 4), (2, 2, 2, 2), {"groups": 2, "stride": 2}),
    ((1, 4, 3, 3), (3, 3, 2, 1), {"groups": 3, "padding": 1, "stride": [1, 2]}),
):
    x, filter = normal(*x_shape), normal(*filter_shape)
    case("conv2d", lambda x, filter: last(F.conv2d(first(x), first(filter), **options)), x, filter, arguments=[options])
    dy = normal(*last(F.conv2d(first(x), first(filter), **options)).shape)
    case(
        "conv2dInputGradient",
        lambda dy, filter: last(conv2d_input(first(x).shape, first(filter), first(dy), **options)),
        dy,
        filter,
        arguments=[x_shape, options],
    )
    case(
        "conv2dFilterGradient",
        lambda dy, x: last(conv2d_weight(first(x), first(filter).shape, first(dy), **options)),
        dy,
        x,
        arguments=[filter_shape, options],
    )
case(
    "conv2d",
    lambda x, filter: last(F.conv2d(first(x), first(filter), padding="same")),
    normal(1, 3, 4, 2),
    normal(3, 2, 3, 2),
    arguments=[{"padding": "same"}],
    note="an even number of rows",
)
write()
