"""Times the float twin of MoBiNet Mid, K = 3, on one image in PyTorch, starting from a cold process. Prints JSON."""

import argparse
import time

import torch

from serve import report, time_for
from torch_network import MoBiNet

parser = argparse.ArgumentParser()
parser.add_argument("--size", type=int, default=224)
parser.add_argument("--classes", type=int, default=1000)
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--layout", choices=["contiguous", "channels_last"], default="channels_last")
parser.add_argument("--compile", action="store_true")
parser.add_argument("--seconds", type=float, default=1, help="duration, after a warm-up of the same duration")
options = parser.parse_args()

torch.set_num_threads(options.threads)
torch.manual_seed(0)
network = MoBiNet(classes=options.classes, precision="float").eval()
image = torch.randn(1, 3, options.size, options.size)
if options.layout == "channels_last":
    network = network.to(memory_format=torch.channels_last)
    image = image.contiguous(memory_format=torch.channels_last)
forward = torch.compile(network) if options.compile else network

with torch.inference_mode():
    forward(image)
    first = 1000 * time.time()
    time_for(options.seconds, lambda: forward(image))
    report(time_for(options.seconds, lambda: forward(image)), firstAt=first)
