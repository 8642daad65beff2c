"""Times training steps of MoBiNet Mid, K = 3, in PyTorch: forward, backward and Adam. Prints JSON."""

import argparse
import json
import resource
import statistics
import time

import torch
import torch.nn.functional as F

from torch_network import MoBiNet

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

network = MoBiNet(classes=options.classes, precision=options.network)
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
