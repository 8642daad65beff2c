"""
Computes gradients of random MoBiNets with PyTorch, in double precision. Writes
packages/mobinet/fixtures/torch-gradients.safetensors, which torch-gradients.test.ts compares our gradients with.

    /usr/bin/python3 scripts/torch-gradients.py

Weights and images come from the generator of packages/tensor, which is reimplemented here, so both sides use the same
numbers. The file contains only a few numbers per gradient: its norm, and its dot products with random vectors of +1 and
-1. The mean square of such products estimates a squared norm, including that of the difference of two gradients.

The sign function jumps at 0: if its input is so close to 0 that rounding decides, single and double precision may give
different bits, and the gradients cannot be compared. So the shifts of normalizations are nudged, channel by channel,
until no input of a sign is that close to 0. Counts of exactly 0, where the derivative of an activation at 0 matters,
are common nevertheless; each network is checked to have some.

Some networks, especially those without skips, amplify rounding errors: their channels hardly vary, and normalization
divides by that variation. So a network is used only if PyTorch's single precision agrees with its double precision more
closely than our gradients are required to.
"""

import copy
import functools
import json
import multiprocessing
import random
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

root = Path(__file__).parent.parent
sys.path.insert(0, str(root / "bench/peers"))
from torch_network import MoBiNet  # noqa: E402

torch.set_num_threads(1)

networks = 55
batch = 8
# The least distance of the inputs of signs from 0, and also from 1 if the estimator jumps there.
margin = 5e-5
# The largest elements of a pool's window are equal, or at least this far apart.
gap = 1e-5
projections = 6
# The greatest relative difference (by norm) between PyTorch's gradients in single and in double precision.
single_precision = 5e-5


def threefry(key, low, high):
    """Threefry-2x32 with 20 rounds, as in packages/tensor/src/random.ts. `low` is a number or an array of 64-bit integers."""
    mask = 0xFFFFFFFF
    keys = [*key, 0x1BD11BDA ^ key[0] ^ key[1]]
    x, y = (low + keys[0]) & mask, (high + keys[1]) & mask
    for turn in range(20):
        rotation = (13, 15, 26, 6, 17, 29, 16, 24)[turn % 8]
        x = (x + y) & mask
        y = (((y << rotation) | (y >> (32 - rotation))) & mask) ^ x
        if turn % 4 == 3:
            step = (turn + 1) // 4
            x = (x + keys[step % 3]) & mask
            y = (y + keys[(step + 1) % 3] + step) & mask
    return x, y


@functools.lru_cache(None)
def derive(key, number, kind):
    """Derives a key from another. Cached, since many names share a prefix."""
    return threefry(key, number, kind)


class Rng:
    def __init__(self, key):
        self.key = key

    def split(self, label):
        key = self.key
        for number, kind in [*((ord(char), 0xFFD00000) for char in label), (len(label), 0xFFC00000)]:
            key = derive(key, number, kind)
        return Rng(key)

    def bits(self, count):
        return threefry(self.key, np.arange(count), 0)[0]

    def uniform(self, shape, low, high):
        """Uniform numbers, rounded to single precision and stored in double precision."""
        values = low + (high - low) * ((self.bits(int(np.prod(shape))) >> 8) / 2**24)
        return torch.tensor(values.astype(np.float32).astype(np.float64)).reshape(tuple(shape))


# The ranges of parameters, by the ends of their names. Some latent weights exceed 1, where the estimator's slope is 0.
ranges = {
    "stem.conv.weight": (-0.5, 0.5),
    "stem.activation.slope": (0.2, 0.8),
    "conv.weight": (-1.25, 1.25),
    "activation.slope": (-0.5, 0.75),
    "activation.gamma": (-2, 2),
    "shift": (-0.5, 0.5),
    "norm.gamma": (0.5, 1.5),
    "norm.beta": (-0.5, 0.5),
    "classifier.weight": (-0.3, 0.3),
    "classifier.bias": (-0.1, 0.1),
}


def our_name(name):
    theirs = {"activation.weight": "activation.slope", "norm.weight": "norm.gamma", "norm.bias": "norm.beta"}
    return next((name[: -len(end)] + ours for end, ours in theirs.items() if name.endswith(end)), name)


def our_layout(tensor):
    """Filters with their channels last."""
    return tensor.permute(0, 2, 3, 1) if tensor.dim() == 4 else tensor


def draw(model, rng):
    """Draws the weights of a network. One latent weight in fifty is 0, where |w| has no derivative."""
    for name, parameter in model.named_parameters():
        name = our_name(name)
        low, high = next(limits for end, limits in ranges.items() if name.endswith(end))
        values = rng.split(name).uniform(our_layout(parameter).shape, low, high)
        if name.startswith("units") and name.endswith("conv.weight"):
            values.view(-1)[::50] = 0
        parameter.data = values.permute(0, 3, 1, 2).contiguous() if values.dim() == 4 else values


class Unfit(Exception):
    """Raised for networks whose results depend too much on rounding."""


def nudge(norm, after, y, kinks):
    """
    Shifts channels of y, the output of `norm`, until `after(y)` keeps its distance from all kinks. The shifts are
    multiples of 1/64, which are exact in single precision. Returns y, and the shifts as [channel, number of 64ths].
    """
    beta = norm.bias.data.clone()
    open_channels = torch.ones(len(beta), dtype=torch.bool)
    steps = torch.zeros(len(beta))
    for step in (sign * size for size in range(33) for sign in (1, -1)):
        # Rounded to single precision.
        moved = (beta + step / 64).float().double()
        shifted = after(y + (moved - beta)[:, None, None])
        distance = torch.stack([(shifted.abs() - kink).abs().amin((0, 2, 3)) for kink in kinks]).amin(0)
        chosen = open_channels & (distance >= margin)
        norm.bias.data[chosen] = moved[chosen]
        steps[chosen] = step
        open_channels &= ~chosen
        if not open_channels.any():
            return y + (norm.bias.data - beta)[:, None, None], [[c, int(s)] for c, s in enumerate(steps) if s != 0]
    raise Unfit


def check_windows(x, sign):
    windows = F.unfold(sign * x, 2, stride=2).reshape(len(x), x.shape[1], 4, -1)
    most = windows.topk(4, 2).values
    distances = most[:, :, :1] - most[:, :, 1:]
    if ((distances > 0) & (distances < gap)).any():
        raise Unfit


def keep_clear(model, images, options):
    """Nudges all normalizations, in the order in which they run. Returns the nudges by name."""
    kinks = [0, 1] if options["estimator"] == "clip" else [0]
    nudges = {}
    segments = [segment for unit in model.units for segment in unit.segments()]
    # The shifts of the segment that takes the signs of an output: that of the stem (None), or of another segment. No
    # segment takes those of the last one.
    shifted = {before: after.shifted for before, after in zip([None, *segments], segments)}
    with torch.no_grad():
        stem = model.stem
        y = stem.norm(stem.conv(images))
        y, nudges["stem"] = nudge(stem.norm, lambda y: shifted[None](stem.activation(y)), y, kinks)
        x = stem.activation(y)
        for index, unit in enumerate(model.units):
            for name, segment in unit.named_children():
                last = segment is unit.segments()[-1]
                pool = unit.pool if last and unit.pool else (lambda y: y)
                after = lambda y: shifted.get(segment, lambda x: x)(pool(y))  # noqa: E731
                y, nudges[f"units.{index}.{name}"] = nudge(segment.norm, after, segment(x), kinks)
                if last and unit.pool and options["pool"] != "average":
                    check_windows(y, 1 if options["pool"] == "max" else -1)
                x = pool(y)
    return {name: steps for name, steps in nudges.items() if steps}


def random_options(choose, index):
    """Random options. In 55 networks, every value of every option occurs several times."""
    k = choose.choice([0, 1, 2, 2, 3])
    return {
        "block": ["none", "pre", "mid", "post"][index % 4],
        "k": k,
        "shift": ["none", "learned"][index // 20 % 2],
        "activation": ["prelu", "relu", "prelu", "rprelu", "rprelu"][index % 5],
        "skip": choose.choice(["all", "all", "all", "all", "same-shape", "same-shape", "figure", "none"]),
        "pool": choose.choice(["average", "max", "min"]),
        "width": max(2**k, choose.choice([2, 4])) / 32,
        "classes": choose.choice([2, 5, 10]),
        **choose.choice(
            [
                {"imageSize": 16, "stemStride": 1},
                {"imageSize": 19, "stemStride": 1},
                {"imageSize": 34, "stemStride": 2},
            ]
        ),
        "padding": choose.choice(["one", "zero"]),
        "estimator": choose.choice(["approx", "approx", "clip", "identity"]),
        "scalingGradient": choose.choice(["full", "full", "xnor-net", "detached"]),
    }


def gradients_of(options, seed):
    """A description of a network, and the norm and projections of each parameter's gradient, ordered by name."""
    rng = Rng((seed, 0))
    model = MoBiNet(**{key: value for key, value in options.items() if key != "imageSize"}, exactCounts=True).double()
    draw(model, rng)
    size = options["imageSize"]
    images = rng.split("images").uniform((batch, size, size, 3), -2, 2).permute(0, 3, 1, 2)
    nudges = keep_clear(model, images, options)

    zeros = []
    for unit in model.units:
        for segment in unit.segments():
            segment.activation.register_forward_hook(lambda _, inputs, __: zeros.append(int((inputs[0] == 0).sum())))
    labels = torch.arange(batch) % options["classes"]
    single = copy.deepcopy(model).float()
    F.cross_entropy(single(images.float()), labels).backward()
    zeros.clear()
    loss = F.cross_entropy(model(images), labels)
    loss.backward()
    for ours, theirs in zip(single.parameters(), model.parameters()):
        if not (ours.grad.double() - theirs.grad).norm() <= single_precision * theirs.grad.norm():
            raise Unfit
    assert sum(zeros) > 0, "no count is 0"
    rows = []
    for name, parameter in sorted((our_name(name), parameter) for name, parameter in model.named_parameters()):
        gradient = our_layout(parameter.grad).flatten().numpy()
        bits = rng.split("signs").split(name).bits(gradient.size)
        signs = [1.0 - 2.0 * ((bits >> k) & 1) for k in range(projections)]
        rows.append([np.linalg.norm(gradient), *(np.dot(gradient, vector) for vector in signs)])
    about = {"options": options, "seed": seed, "nudges": nudges, "loss": loss.item(), "zeroCounts": sum(zeros)}
    return about, np.array(rows, np.float32)


def encode_safetensors(tensors, metadata):
    header, offset = {"__metadata__": metadata}, 0
    for name, tensor in tensors.items():
        end = offset + tensor.nbytes
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + b"".join(tensor.tobytes() for tensor in tensors.values())


def network(index):
    choose = random.Random(index)
    while True:
        options = random_options(choose, index)
        try:
            about, rows = gradients_of(options, choose.randrange(2**32))
        except Unfit:
            continue
        nudges = sum(map(len, about["nudges"].values()))
        norms = f"{rows[:, 0].min():.1e} to {rows[:, 0].max():.1e}"
        print(f"{index}: {about['zeroCounts']} counts of 0, {nudges} nudges, gradients {norms}")
        return about, rows


def main():
    with multiprocessing.Pool() as pool:
        found = pool.map(network, range(networks), 1)
    path = root / "packages/mobinet/fixtures/torch-gradients.safetensors"
    path.parent.mkdir(exist_ok=True)
    tensors = {str(index): rows for index, (_, rows) in enumerate(found)}
    about = json.dumps([about for about, _ in found], separators=(",", ":"))
    path.write_bytes(encode_safetensors(tensors, {"torch": torch.__version__, "networks": about}))
    print(f"{path}: {path.stat().st_size} bytes")


main()
