"""Batch normalization, by the statistics of the batch and by fixed ones. Images are NHWC here, and NCHW in PyTorch."""

import torch
import torch.nn.functional as F
from record import case, normal, uniform, write


def batch_norm(x, gamma, beta, epsilon=1e-5):
    """By the statistics of the batch."""
    return F.batch_norm(x.movedim(-1, 1), None, None, gamma, beta, training=True, eps=epsilon).movedim(1, -1)


def batch_norm_eval(x, gamma, beta, mean, variance, epsilon=1e-5):
    """In plain arithmetic, since F.batch_norm has no gradient with respect to its statistics."""
    return (x - mean) / (variance + epsilon).sqrt() * gamma + beta


statistics = [normal(3), normal(3), normal(3), uniform(0.2, 2, 3)]
case("batchNorm, output", batch_norm, normal(2, 3, 2, 3), normal(3), normal(3))
case(
    "batchNorm, output",
    lambda *x: batch_norm(*x, 0.5),
    normal(5, 4),
    normal(4),
    normal(4),
    arguments=[{"epsilon": 0.5}],
)
case("batchNorm, mean", lambda x, gamma, beta: x.mean(0), normal(5, 4), normal(4), normal(4))
case("batchNorm, variance", lambda x, gamma, beta: x.var(0, unbiased=False), normal(5, 4), normal(4), normal(4))
case("batchNormEval", batch_norm_eval, normal(4, 3), *statistics)
case("batchNormEval", lambda *x: batch_norm_eval(*x, 0.5), normal(2, 2, 3), *statistics, arguments=[{"epsilon": 0.5}])
# y = x·scale + shift, where x is 0 and 1.
zero, one = torch.zeros(3), torch.ones(3)
case("foldBatchNorm, shift", lambda *x: batch_norm_eval(zero, *x), *statistics)
case("foldBatchNorm, scale", lambda *x: batch_norm_eval(one, *x) - batch_norm_eval(zero, *x), *statistics)
case("affine", lambda x, scale, shift: x * scale + shift, normal(2, 2, 3), normal(3), normal(3))
write()
