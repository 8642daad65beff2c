"""Prints the version of PyTorch and the file names of its BLAS library, as JSON."""

import json
import os

import torch

torch.mm(torch.ones(64, 64), torch.ones(64, 64))
with open("/proc/self/maps") as maps:
    files = {line.split()[-1] for line in maps if "blas" in line}
print(json.dumps({"version": torch.__version__, "blas": ", ".join(sorted(os.path.basename(file) for file in files))}))
