"""Normalizations and lookups. Images are NHWC here, and NCHW in PyTorch."""

import torch
import torch.nn.functional as F
from record import case, integers, normal, write


def layer_norm(axes, eps=1e-5):
    """Over the last axes, whose shape is that of gamma."""
    return lambda x, *affine: F.layer_norm(x, x.shape[-axes:], *affine, eps=eps)


def group_norm(groups, eps=1e-5):
    """Of channels that are the last axis."""
    return lambda x, *affine: F.group_norm(x.movedim(-1, 1), groups, *affine, eps=eps).movedim(1, -1)


def far(x):
    """The same numbers, far from 0."""
    return (x + 20).float().double()


case("layerNorm", layer_norm(1), normal(3, 7))
case("layerNorm", layer_norm(1), normal(7), note="a single row")
case("layerNorm", layer_norm(1), normal(3, 7), normal(7))
case("layerNorm", layer_norm(1), normal(2, 3, 5), normal(5), normal(5))
case("layerNorm", layer_norm(1, 0.5), normal(2, 19), normal(19), normal(19), arguments=[{"epsilon": 0.5}])
case("layerNorm", layer_norm(2), normal(3, 4, 5), normal(4, 5), normal(4, 5), note="over two axes")
case("layerNorm", layer_norm(1), torch.full((2, 5), 3.0).double(), normal(5), normal(5), note="constant rows")
case("layerNorm", layer_norm(1), normal(3, 1), normal(1), normal(1), note="rows of one element")
case("layerNorm", layer_norm(1, 0.25), far(normal(3, 9)), arguments=[{"epsilon": 0.25}])
case("layerNorm", layer_norm(2), normal(3, 4, 5), arguments=[{"normalizedShape": [4, 5]}])

case("groupNorm, 2 groups", group_norm(2), normal(2, 3, 4, 6), normal(6), normal(6))
case("groupNorm, 2 groups", group_norm(2, 0.5), normal(2, 5, 8), normal(8), normal(8), arguments=[{"epsilon": 0.5}])
case("groupNorm, 2 groups", group_norm(2), normal(3, 10), normal(10), normal(10), note="no pixels")
case("groupNorm, 1 group", group_norm(1), normal(2, 3, 2, 5), normal(5), normal(5), note="whole images")
case("groupNorm, 6 groups", group_norm(6), normal(2, 3, 4, 6), normal(6), normal(6), note="instance normalization")
case("groupNorm, 3 groups", group_norm(3), far(normal(2, 7, 3)))

case("embedding", lambda w, i: F.embedding(i.long(), w), normal(5, 3), integers(0, 5, 7))
case("embedding", lambda w, i: F.embedding(i.long(), w), normal(4, 6), integers(0, 4, 2, 3), note="a matrix of indices")
case("embedding", lambda w, i: F.embedding(i.long(), w), normal(3, 2), integers(0, 3), note="a scalar index")
case("embedding", lambda w, i: F.embedding(i.long(), w), normal(3, 2), integers(0, 3, 0), note="no index")
case("dropout, of all", lambda x: F.dropout(x, 1.0), normal(2, 3))
case("dropout, of all", lambda x: F.dropout(x, 1.0), torch.tensor([float("inf"), float("nan"), 1.0]).double())
case("dropout, of none", lambda x: F.dropout(x, 0.0), normal(2, 3))
write()
