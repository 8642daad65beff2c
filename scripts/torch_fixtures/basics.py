"""The operations that networks are made of: matrix products, softmax, statistics."""

import torch
import torch.nn.functional as F
from record import case, integers, normal, write

case("matmul", torch.matmul, normal(2, 3), normal(3, 4))
case("matmul", torch.matmul, normal(2, 3, 4), normal(4, 5))
case("softmax", lambda x: torch.softmax(x, -1), normal(2, 5))
case("logSoftmax", lambda x: torch.log_softmax(x, -1), normal(2, 5))
case("variance", lambda x: x.var((0, 2), unbiased=True), normal(2, 3, 4), arguments=[{"axes": [0, 2], "correction": 1}])
case("mean", lambda x: x.mean(1, keepdim=True), normal(2, 3, 4), arguments=[{"axes": 1, "keepDims": True}])
case("max", lambda x: x.amax(-1), normal(3, 4), arguments=[{"axes": -1}])
case("transpose", lambda x: x.permute(2, 0, 1), normal(2, 3, 4), arguments=[[2, 0, 1]])
case("gather", lambda x, at: x[at.long()], normal(4, 3), integers(0, 4, 6))
case("crossEntropy", lambda x, labels: F.cross_entropy(x, labels.long()), normal(3, 4), integers(0, 4, 3))
case(
    "crossEntropy",
    lambda x, labels: F.cross_entropy(x, labels.long(), label_smoothing=0.1),
    normal(3, 4),
    integers(0, 4, 3),
    arguments=[{"labelSmoothing": 0.1}],
)
write()
