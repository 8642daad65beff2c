"""Prints the version of PyTorch, its BLAS library, and whether it can compile networks, as JSON."""

import json
import os
import shutil

import torch

torch.mm(torch.ones(64, 64), torch.ones(64, 64))
with open("/proc/self/maps") as maps:
    files = {os.path.basename(line.split()[-1]) for line in maps if "blas" in line}
own = torch.backends.mkl.is_available()
print(
    json.dumps(
        {
            "version": torch.__version__,
            "blas": "" if own else ", ".join(sorted(files)),
            "isOptimized": own or any("openblas" in file for file in files),
            "compiles": hasattr(torch, "compile") and shutil.which("g++") is not None,
        }
    )
)
