"""Times matrix products in PyTorch: reads requests as lines of JSON from stdin, and prints a line of JSON for each."""

import json
import statistics
import sys
import time

import torch

torch.set_num_threads(int(sys.argv[1]))


def prepare(work, m, n, k):
    """A product [m, k] · [k, n] into given memory. With work "transposed", its first operand is stored as [k, m]."""
    first = torch.randn(k, m).t() if work == "transposed" else torch.randn(m, k)
    second, out = torch.randn(k, n), torch.empty(m, n)
    return lambda: torch.mm(first, second, out=out)


prepared = {}

for line in sys.stdin:
    request = json.loads(line)
    seconds = request.pop("seconds")
    key = json.dumps(request)
    if key not in prepared:
        prepared[key] = prepare(**request)
    run = prepared[key]
    run()
    times = []
    end = time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        run()
        times.append(1000 * (time.perf_counter() - start))
    print(json.dumps({"milliseconds": statistics.median(times)}), flush=True)
