"""Times the float twin of MoBiNet Mid, K = 3, on one image in PyTorch, starting from a cold process. Prints JSON."""

import argparse
import json
import resource
import statistics
import time

import torch

from torch_network import MoBiNet

parser = argparse.ArgumentParser()
parser.add_argument("--size", type=int, default=224)
parser.add_argument("--classes", type=int, default=1000)
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--layout", choices=["contiguous", "channels_last"], default="channels_last")
parser.add_argument("--seconds", type=float, default=2)
options = parser.parse_args()

torch.set_num_threads(options.threads)
torch.manual_seed(0)
network = MoBiNet(classes=options.classes, precision="float").eval()
image = torch.randn(1, 3, options.size, options.size)
if options.layout == "channels_last":
    network = network.to(memory_format=torch.channels_last)
    image = image.contiguous(memory_format=torch.channels_last)


def times(seconds):
    """The times of all runs, at least five, in milliseconds."""
    found = []
    end = time.perf_counter() + seconds
    while len(found) < 5 or time.perf_counter() < end:
        before = time.perf_counter()
        network(image)
        found.append(1000 * (time.perf_counter() - before))
    return found


with torch.inference_mode():
    network(image)
    first = 1000 * time.time()
    times(options.seconds)
    milliseconds = statistics.median(times(options.seconds))
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"milliseconds": milliseconds, "firstAt": first, "peakMemoryBytes": peak}))
