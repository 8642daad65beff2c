"""Times training steps of MoBiNet Mid, K = 3, in PyTorch, for requests on stdin: forward, backward and Adam."""

import argparse
import contextlib

import torch
import torch.nn.functional as F

from serve import serve, time_for
from torch_network import MoBiNet

parser = argparse.ArgumentParser()
parser.add_argument("--size", type=int, default=96)
parser.add_argument("--batch", type=int, default=8)
parser.add_argument("--classes", type=int, default=1000)
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--network", choices=["binary", "float"], default="float")
parser.add_argument("--layout", choices=["contiguous", "channels_last"], default="contiguous")
parser.add_argument("--compile", action="store_true")
parser.add_argument("--bfloat16", action="store_true", help="with automatic mixed precision")
options = parser.parse_args()

torch.set_num_threads(options.threads)
torch.manual_seed(0)

network = MoBiNet(classes=options.classes, precision=options.network)
images = torch.randn(options.batch, 3, options.size, options.size)
labels = torch.arange(options.batch) % options.classes
if options.layout == "channels_last":
    network = network.to(memory_format=torch.channels_last)
    images = images.contiguous(memory_format=torch.channels_last)
# One loop over all parameters, which version 1 lacks.
fused = {} if torch.__version__.startswith("1.") else {"fused": True}
optimizer = torch.optim.Adam(network.parameters(), 1e-3, **fused)
forward = torch.compile(network) if options.compile else network


def precision():
    return torch.autocast("cpu", torch.bfloat16) if options.bfloat16 else contextlib.nullcontext()


def step():
    optimizer.zero_grad(set_to_none=True)
    with precision():
        logits = forward(images)
    loss = F.cross_entropy(logits.float(), labels)
    loss.backward()
    optimizer.step()
    return loss.item()


for _ in range(3):
    step()
serve(lambda seconds: time_for(seconds, step))
