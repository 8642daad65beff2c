"""Times torchvision: decodes image files with Pillow, resizes and crops them. Prints the CPU seconds as JSON."""

import argparse
import json
import time

import torch
import torchvision
from PIL import Image
from torchvision.transforms import CenterCrop, Compose, Resize

parser = argparse.ArgumentParser()
parser.add_argument("--side", type=int, required=True)
parser.add_argument("files", nargs="+")
options = parser.parse_args()

torch.set_num_threads(1)
transform = Compose([Resize(options.side), CenterCrop(options.side * 7 // 8)])


def read_all():
    """The CPU time of one pass, in seconds."""
    before = time.process_time()
    for file in options.files:
        transform(Image.open(file).convert("RGB"))
    return time.process_time() - before


read_all()
print(json.dumps({"version": torchvision.__version__, "seconds": read_all()}))
