"""
Times training steps of MoBiNet Mid, K = 3, in PyTorch: forward, backward and Adam. Prints JSON.

The network is that of packages/mobinet: the binary one as autograd functions, whose convolutions multiply floats of +1 and -1
(PyTorch has no other), or its float twin.
"""

import argparse
import json
import resource
import statistics
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

parser = argparse.ArgumentParser()
parser.add_argument("--size", type=int, default=96)
parser.add_argument("--batch", type=int, default=8)
parser.add_argument("--classes", type=int, default=1000)
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--network", choices=["binary", "float"], default="binary")
parser.add_argument("--layout", choices=["contiguous", "channels_last"], default="contiguous")
parser.add_argument("--steps", type=int, default=7)
options = parser.parse_args()

torch.set_num_threads(options.threads)
torch.manual_seed(0)


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
    def __init__(self, channels, filters, kernel, groups):
        super().__init__()
        self.weight = nn.Parameter(0.03 * torch.randn(filters, channels // groups, kernel, kernel))
        self.groups = groups

    def forward(self, x):
        border = self.weight.shape[-1] // 2
        if options.network == "float":
            return F.conv2d(x, self.weight, padding=border, groups=self.groups)
        scale = self.weight.abs().mean((1, 2, 3), keepdim=True)
        signs = SignOfActivation.apply(x)
        if border > 0:
            signs = F.pad(signs, (border,) * 4, value=1.0)
        return F.conv2d(signs, SignOfWeight.apply(self.weight) * scale, groups=self.groups)


class Segment(nn.Module):
    def __init__(self, channels, filters, kernel, groups):
        super().__init__()
        self.body = nn.Sequential(
            Convolution(channels, filters, kernel, groups), nn.PReLU(filters), nn.BatchNorm2d(filters)
        )
        self.repeats = filters // channels

    def forward(self, x):
        return self.body(x) + (x if self.repeats == 1 else torch.cat([x] * self.repeats, 1))


# Channels of the 13 units, and whether the images are halved at their ends.
units = [(32, 64, False), (64, 128, True), (128, 128, False), (128, 256, True), (256, 256, False), (256, 512, True)]
units += [(512, 512, False)] * 5 + [(512, 1024, True), (1024, 1024, False)]

layers = [nn.Conv2d(3, 32, 3, 2, 1, bias=False), nn.BatchNorm2d(32), nn.PReLU(32)]
for channels, filters, halves in units:
    layers += [Segment(channels, channels, 3, channels // 8)]
    layers += [Segment(channels, filters, 1, 1), Segment(filters, filters, 1, 1)]
    if halves:
        layers.append(nn.AvgPool2d(2))
layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1024, options.classes)]
network = nn.Sequential(*layers)

images = torch.randn(options.batch, 3, options.size, options.size)
labels = torch.arange(options.batch) % options.classes
if options.layout == "channels_last":
    network = network.to(memory_format=torch.channels_last)
    images = images.contiguous(memory_format=torch.channels_last)
optimizer = torch.optim.Adam(network.parameters(), 1e-3)


def step():
    optimizer.zero_grad(set_to_none=True)
    loss = F.cross_entropy(network(images), labels)
    loss.backward()
    optimizer.step()
    return loss.item()


for _ in range(2):
    step()
times = []
for _ in range(options.steps):
    start = time.perf_counter()
    step()
    times.append(1000 * (time.perf_counter() - start))
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({**vars(options), "milliseconds": statistics.median(times), "peakMemoryBytes": peak}))
