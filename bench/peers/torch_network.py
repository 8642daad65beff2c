"""
MoBiNet in PyTorch, with the options and names of packages/mobinet: the binary network, built from autograd functions
whose convolutions multiply floats of +1 and -1 (PyTorch has no binary ones), or its float twin. The benchmarks time it,
and scripts/torch-gradients.py computes its gradients.
"""

from types import SimpleNamespace

import torch
import torch.nn as nn
import torch.nn.functional as F

defaults = {
    "block": "mid",
    "k": 3,
    "shift": "none",
    "activation": "prelu",
    "skip": "all",
    "pool": "average",
    "width": 1,
    "classes": 1000,
    "stemStride": 2,
    "padding": "one",
    "estimator": "approx",
    "scalingGradient": "full",
    "precision": "binary",
    # Multiplies the counts by the scaling factors, not the weights. This is slower, but a count of 0 is then exactly 0,
    # whereas a sum of scaled weights may be off by rounding.
    "exactCounts": False,
}


def sign(x):
    return torch.where(x < 0, -1.0, 1.0).to(x.dtype)


class SignOfActivation(torch.autograd.Function):
    """
    The slope depends on the estimator: 1 for `identity`; where |x| <= 1, it is 1 for `clip` and 2 - 2|x| for `approx`
    (Bi-Real Net), and 0 elsewhere.
    """

    @staticmethod
    def forward(context, x, estimator):
        context.save_for_backward(x)
        context.estimator = estimator
        return sign(x)

    @staticmethod
    def backward(context, gradient):
        (x,) = context.saved_tensors
        if context.estimator == "approx":
            return gradient * (2 - 2 * x.abs()).clamp_min(0), None
        return (gradient * (x.abs() <= 1) if context.estimator == "clip" else gradient), None


class SignOfWeight(torch.autograd.Function):
    """The clipped estimator: the slope is 1 where |w| <= 1, and 0 elsewhere."""

    @staticmethod
    def forward(context, weight):
        context.save_for_backward(weight)
        return sign(weight)

    @staticmethod
    def backward(context, gradient):
        (weight,) = context.saved_tensors
        return gradient * (weight.abs() <= 1)


class Convolution(nn.Module):
    def __init__(self, channels, filters, kernel, groups, options):
        super().__init__()
        self.options = options
        self.weight = nn.Parameter(0.03 * torch.randn(filters, channels // groups, kernel, kernel))
        self.groups = groups

    def forward(self, x):
        border = self.weight.shape[-1] // 2
        if self.options.precision == "float":
            return F.conv2d(x, self.weight, padding=border, groups=self.groups)
        scale = self.weight.abs().mean((1, 2, 3), keepdim=True)
        weight = SignOfWeight.apply(self.weight)
        mode = self.options.scalingGradient
        if mode == "xnor-net":
            # Leaves the weight unchanged, but adds the diagonal term of the product rule, 1 / n, to its slope.
            weight = weight + (self.weight - self.weight.detach()) / (scale.detach() * self.weight[0].numel())
        if mode != "full":
            scale = scale.detach()
        signs = SignOfActivation.apply(x, self.options.estimator)
        if border > 0:
            signs = F.pad(signs, (border,) * 4, value=1.0 if self.options.padding == "one" else 0.0)
        if not self.options.exactCounts:
            return F.conv2d(signs, weight * scale, groups=self.groups)
        return F.conv2d(signs, weight, groups=self.groups) * scale.reshape(-1, 1, 1)


class RPReLU(nn.PReLU):
    """PReLU(x - gamma). The zeta of ReActNet is the bias of the normalization that follows."""

    def __init__(self, filters):
        super().__init__(filters)
        self.gamma = nn.Parameter(torch.zeros(filters))

    def forward(self, x):
        return super().forward(x - self.gamma[:, None, None])


activations = {"prelu": nn.PReLU, "relu": lambda _: nn.ReLU(), "rprelu": RPReLU}


class Segment(nn.Module):
    def __init__(self, channels, filters, kernel, groups, skips, options):
        super().__init__()
        has_shift = options.shift == "learned" and options.precision == "binary"
        self.shift = nn.Parameter(torch.zeros(channels)) if has_shift else None
        self.conv = Convolution(channels, filters, kernel, groups, options)
        self.activation = activations[options.activation](filters)
        self.norm = nn.BatchNorm2d(filters)
        self.repeats = filters // channels if skips else 0

    def shifted(self, x):
        return x if self.shift is None else x + self.shift[:, None, None]

    def forward(self, x):
        y = self.norm(self.activation(self.conv(self.shifted(x))))
        if self.repeats == 0:
            return y
        return y + (x if self.repeats == 1 else torch.cat([x] * self.repeats, 1))


# Input and output channels of the 13 units, in multiples of the stem's, and whether the unit ends with a pool.
units = [(1, 2, False), (2, 4, True), (4, 4, False), (4, 8, True), (8, 8, False), (8, 16, True)]
units += [(16, 16, False)] * 5 + [(16, 32, True), (32, 32, False)]

# The segments of a unit. 0 and 1 select the channels of the unit's input or output for a segment's input and output.
blocks = {
    "none": [("depthwise", 0, 0), ("pointwise", 0, 1)],
    "pre": [("extra", 0, 1), ("depthwise", 1, 1), ("pointwise", 1, 1)],
    "mid": [("depthwise", 0, 0), ("extra", 0, 1), ("pointwise", 1, 1)],
    "post": [("depthwise", 0, 0), ("pointwise", 0, 0), ("extra", 0, 1)],
}

pools = {
    "average": lambda x: F.avg_pool2d(x, 2),
    "max": lambda x: F.max_pool2d(x, 2),
    "min": lambda x: -F.max_pool2d(-x, 2),
}


def has_skip(name, channels, filters, options):
    if options.skip in ("all", "none"):
        return options.skip == "all"
    if channels != filters:
        return False
    return options.skip == "same-shape" or name == "depthwise" or (name == "pointwise" and options.block != "none")


class Unit(nn.Module):
    def __init__(self, channels, filters, halves, options):
        super().__init__()
        sizes = (channels, filters)
        for name, source, target in blocks[options.block]:
            kernel, groups = (3, sizes[source] // 2**options.k) if name == "depthwise" else (1, 1)
            skips = has_skip(name, sizes[source], sizes[target], options)
            self.add_module(name, Segment(sizes[source], sizes[target], kernel, groups, skips, options))
        self.pool = pools[options.pool] if halves else None

    def segments(self):
        return list(self.children())

    def forward(self, x):
        for segment in self.segments():
            x = segment(x)
        return self.pool(x) if self.pool else x


class Stem(nn.Module):
    def __init__(self, filters, stride):
        super().__init__()
        self.conv = nn.Conv2d(3, filters, 3, stride, 1, bias=False)
        self.norm = nn.BatchNorm2d(filters)
        self.activation = nn.PReLU(filters)

    def forward(self, images):
        return self.activation(self.norm(self.conv(images)))


class MoBiNet(nn.Module):
    def __init__(self, **given):
        super().__init__()
        options = SimpleNamespace(**{**defaults, **given})
        base = max(1, round(32 * options.width))
        self.stem = Stem(base, options.stemStride)
        self.units = nn.ModuleList(Unit(base * i, base * o, halves, options) for i, o, halves in units)
        self.classifier = nn.Linear(32 * base, options.classes)

    def forward(self, images):
        x = self.stem(images)
        for unit in self.units:
            x = unit(x)
        return self.classifier(x.mean((2, 3)))
