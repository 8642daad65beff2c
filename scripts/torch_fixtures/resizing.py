"""Images of other sizes. PyTorch has channels before pixels, and we have them last, so tensors are permuted here."""

import torch.nn.functional as F
from record import case, normal, write

for options in (
    {"size": [7, 5]},
    {"size": 2},
    {"size": [1, 8]},
    {"size": [3, 4]},
    {"scale": 2},
    {"scale": [1.7, 0.6]},
    {"scale": [0.4, 2.3]},
    {"scale": [1.2, 3]},
    {"scale": [2.3, 2.2]},
):
    named = {"size": options.get("size"), "scale_factor": options.get("scale")}
    for mode in ({"mode": "nearest"}, {"mode": "bilinear"}, {"mode": "bilinear", "alignCorners": True}):
        corners = {} if mode["mode"] == "nearest" else {"align_corners": mode.get("alignCorners", False)}
        case(
            "interpolate",
            lambda x: F.interpolate(x.movedim(-1, 1), **named, mode=mode["mode"], **corners).movedim(1, -1),
            normal(1, 3, 4, 1),
            arguments=[{**options, **mode}],
        )
write()
