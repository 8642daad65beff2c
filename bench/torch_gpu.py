"""
Times the float twin of MoBiNet Mid, K = 3, in PyTorch: reads requests as lines of JSON from stdin, and prints a line of
JSON for each. The first line that it prints says what it runs on, or why it cannot.
"""

import json
import os
import sys
import time

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "peers"))


def say(**fields):
    print(json.dumps(fields), flush=True)


try:
    import torch
    import torch.nn.functional as F
except ImportError as error:
    say(reason=str(error))
    sys.exit()

from torch_network import MoBiNet

# The tests run it on the CPU.
device = torch.device(sys.argv[1] if len(sys.argv) > 1 else "cuda")
if device.type == "cuda" and not torch.cuda.is_available():
    say(reason=f"PyTorch {torch.__version__} finds no CUDA device")
    sys.exit()
name = torch.cuda.get_device_name(device) if device.type == "cuda" else "the CPU"
say(name=f"PyTorch {torch.__version__} on {name}")
torch.manual_seed(0)
torch.backends.cudnn.benchmark = True


def prepare(work, size, batch, layout, tf32):
    """A function that enqueues one run."""
    memory = torch.channels_last if layout == "channels_last" else torch.contiguous_format
    network = MoBiNet(precision="float").to(device, memory_format=memory)
    images = torch.randn(batch, 3, size, size, device=device).contiguous(memory_format=memory)
    if work == "inference":
        network.eval()

        def infer():
            with torch.inference_mode():
                network(images)

        return infer
    labels = torch.arange(batch, device=device) % 1000
    optimizer = torch.optim.Adam(network.parameters(), 1e-3, fused=device.type == "cuda")

    def step():
        optimizer.zero_grad(set_to_none=True)
        F.cross_entropy(network(images), labels).backward()
        optimizer.step()

    return step


def time_runs(run, count):
    """The milliseconds of some runs, waiting once."""
    start = time.perf_counter()
    for _ in range(count):
        run()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return 1000 * (time.perf_counter() - start)


prepared = {}
for line in sys.stdin:
    request = json.loads(line)
    milliseconds = request.pop("milliseconds")
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = request["tf32"]
    key = json.dumps(request)
    if key not in prepared:
        run = prepare(**request)
        # The first runs choose kernels and allocate memory.
        time_runs(run, 1), time_runs(run, 2)
        prepared[key] = run, max(1, round(2 * milliseconds / time_runs(run, 2)))
    run, count = prepared[key]
    say(milliseconds=time_runs(run, count) / count)
