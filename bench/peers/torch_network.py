"""
MoBiNet Mid, K = 3, in PyTorch. The network is that of packages/mobinet: the binary one as autograd functions, whose convolutions
multiply floats of +1 and -1 (PyTorch has no other), or its float twin.
"""

import torch
import torch.nn as nn
import torch.nn.functional as F


def sign(x):
    return torch.where(x >= 0, 1.0, -1.0)


class SignOfActivation(torch.autograd.Function):
    """The estimator of Bi-Real Net: the slope is 2 - 2|x| where |x| is at most 1."""

    @staticmethod
    def forward(context, x):
        context.save_for_backward(x)
        return sign(x)

    @staticmethod
    def backward(context, gradient):
        (x,) = context.saved_tensors
        return gradient * (2 - 2 * x.abs()).clamp_min(0)


class SignOfWeight(torch.autograd.Function):
    """The clipped estimator: the slope is 1 where |w| is at most 1."""

    @staticmethod
    def forward(context, weight):
        context.save_for_backward(weight)
        return sign(weight)

    @staticmethod
    def backward(context, gradient):
        (weight,) = context.saved_tensors
        return gradient * (weight.abs() <= 1)


class Convolution(nn.Module):
    def __init__(self, channels, filters, kernel, groups, binary):
        super().__init__()
        self.binary = binary
        self.weight = nn.Parameter(0.03 * torch.randn(filters, channels // groups, kernel, kernel))
        self.groups = groups

    def forward(self, x):
        border = self.weight.shape[-1] // 2
        if not self.binary:
            return F.conv2d(x, self.weight, padding=border, groups=self.groups)
        scale = self.weight.abs().mean((1, 2, 3), keepdim=True)
        signs = SignOfActivation.apply(x)
        if border > 0:
            signs = F.pad(signs, (border,) * 4, value=1.0)
        return F.conv2d(signs, SignOfWeight.apply(self.weight) * scale, groups=self.groups)


class Segment(nn.Module):
    def __init__(self, channels, filters, kernel, groups, binary):
        super().__init__()
        self.body = nn.Sequential(
            Convolution(channels, filters, kernel, groups, binary), nn.PReLU(filters), nn.BatchNorm2d(filters)
        )
        self.repeats = filters // channels

    def forward(self, x):
        return self.body(x) + (x if self.repeats == 1 else torch.cat([x] * self.repeats, 1))


# Channels of the 13 units, and whether the images are halved at their ends.
units = [(32, 64, False), (64, 128, True), (128, 128, False), (128, 256, True), (256, 256, False), (256, 512, True)]
units += [(512, 512, False)] * 5 + [(512, 1024, True), (1024, 1024, False)]


def make_network(classes, binary):
    layers = [nn.Conv2d(3, 32, 3, 2, 1, bias=False), nn.BatchNorm2d(32), nn.PReLU(32)]
    for channels, filters, halves in units:
        layers += [Segment(channels, channels, 3, channels // 8, binary)]
        layers += [Segment(channels, filters, 1, 1, binary), Segment(filters, filters, 1, 1, binary)]
        if halves:
            layers.append(nn.AvgPool2d(2))
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1024, classes)]
    return nn.Sequential(*layers)
