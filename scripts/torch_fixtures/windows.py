"""
Operations with windows over images or sequences: transposed and 1-D convolutions, and pools with a ceil mode.
PyTorch has channels before pixels, and we have them last, so tensors are permuted here.
"""

import torch.nn.functional as F
from record import case, normal, write


def first(x):
    """Channels from the last axis to the second."""
    return x.movedim(-1, 1)


def last(x):
    """Channels from the second axis to the last."""
    return x.movedim(1, -1)


for options in (
    {},
    {"stride": 2},
    {"stride": 2, "padding": 1, "outputPadding": 1},
    {"stride": [2, 3], "padding": [0, 1], "outputPadding": [1, 2]},
    {"dilation": 2},
    {"stride": [1, 2], "padding": [0, 2], "dilation": [3, 1], "outputPadding": [2, 0]},
    {"groups": 2, "stride": 2},
    {"groups": 4, "padding": 1},
):
    named = {"output_padding" if name == "outputPadding" else name: value for name, value in options.items()}
    case(
        "convTranspose2d",
        lambda x, filter: last(F.conv_transpose2d(first(x), first(filter), **named)),
        normal(1, 2, 2, 4),
        normal(4, 2, 3, 2),
        arguments=[options],
    )

for options in (
    {},
    {"stride": 2, "padding": 1},
    {"dilation": 2, "padding": 3},
    {"groups": 2, "stride": 3},
    {"padding": "same"},
    {"padding": "same", "dilation": 2},
):
    case(
        "conv1d",
        lambda x, filter: last(F.conv1d(first(x), first(filter), **options)),
        normal(1, 7, 4),
        normal(2, 3, 4 // options.get("groups", 1)),
        arguments=[options],
    )
case(
    "conv1d",
    lambda x, filter: last(F.conv1d(first(x), first(filter), padding="same")),
    normal(1, 6, 2),
    normal(3, 4, 2),
    arguments=[{"padding": "same"}],
    note="an even number of taps",
)

for options in (
    {"window": 2},
    {"window": 3, "stride": 2},
    {"window": 2, "stride": 3, "padding": 1},
    {"window": [3, 2], "stride": [2, 3], "padding": [1, 0]},
    {"window": [7, 3], "stride": 3},
):
    arguments = [{**options, "ceilMode": True}]
    size, stride, padding = options["window"], options.get("stride"), options.get("padding", 0)
    case(
        "avgPool2d",
        lambda x: last(F.avg_pool2d(first(x), size, stride, padding, ceil_mode=True, count_include_pad=False)),
        normal(1, 5, 6, 1),
        arguments=arguments,
    )
    case(
        "maxPool2d",
        lambda x: last(F.max_pool2d(first(x), size, stride, padding, ceil_mode=True)),
        normal(1, 5, 6, 1),
        arguments=arguments,
    )
    case(
        "minPool2d",
        lambda x: -last(F.max_pool2d(first(-x), size, stride, padding, ceil_mode=True)),
        normal(1, 5, 6, 1),
        arguments=arguments,
    )

write()
