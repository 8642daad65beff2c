"""What the Python processes of the benchmarks share: timing, peak memory, and replies to requests (server.ts)."""

import json
import resource
import statistics
import sys
import time


def time_for(seconds, run):
    """The times of all runs within some seconds, at least three, in milliseconds."""
    times = []
    end = time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        run()
        times.append(1000 * (time.perf_counter() - start))
    return times


def peak_memory():
    """
    The peak memory of this process in MiB. On Linux, getrusage counts the memory of the process that started this one,
    too, so /proc is read.
    """
    if sys.platform != "linux":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:")) / 1024


def report(times, **more):
    """Prints the spread of times, and the peak memory, as JSON."""
    spread = {"minimum": min(times), "median": statistics.median(times)}
    print(json.dumps({**spread, "mebibytes": peak_memory(), **more}), flush=True)


def serve(answer):
    """Says that it is ready, then reports `answer(**request)`, a list of times, for each line of input."""
    print("ready", flush=True)
    for line in sys.stdin:
        report(answer(**json.loads(line)))
