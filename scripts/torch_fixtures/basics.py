"""Operations on whole tensors that every network is made of: matrix products, softmax, statistics, shapes, losses."""

import torch
import torch.nn.functional as F
from record import case, integers, normal, write

case("matmul", torch.matmul, normal(2, 3), normal(3, 4))
case("matmul", torch.matmul, normal(2, 3, 4), normal(4, 5))
case("matmul", torch.matmul, normal(2, 1, 2, 3), normal(3, 3, 2), note="batches that broadcast")
transposed = [{"transposeA": True, "transposeB": True}]
case("matmul", lambda a, b: a.mT @ b.mT, normal(2, 3, 4), normal(2, 5, 3), arguments=transposed)
case("softmax", lambda x: torch.softmax(x, -1), normal(2, 5))
case("softmax", lambda x: torch.softmax(x, 0), normal(3, 2), arguments=[0])
case("logSoftmax", lambda x: torch.log_softmax(x, -1), normal(2, 5))
case("logSoftmax", lambda x: torch.log_softmax(x, 1), normal(2, 3, 2), arguments=[1])

case("sum", torch.sum, normal(2, 3))
case("sum", lambda x: x.sum((0, 2), keepdim=True), normal(2, 3, 4), arguments=[{"axes": [0, 2], "keepDims": True}])
case("sum", lambda x: x.sum(1).int(), integers(-9, 9, 3, 4), arguments=[{"axes": 1}])
case("sumTo", lambda x: x.sum_to_size(3, 1), normal(2, 3, 4), arguments=[[3, 1]])
case("variance", lambda x: x.var((0, 2), unbiased=True), normal(2, 3, 4), arguments=[{"axes": [0, 2], "correction": 1}])
case("variance", lambda x: x.var(unbiased=False), normal(2, 3), note="biased by default")
case("mean", lambda x: x.mean(1, keepdim=True), normal(2, 3, 4), arguments=[{"axes": 1, "keepDims": True}])
for name, function in {"max": torch.amax, "min": torch.amin}.items():
    case(name, lambda x, f=function: f(x, -1), normal(3, 4), arguments=[{"axes": -1}])
    case(name, lambda x, f=function: f(x, (0, 1, 2)), normal(2, 3, 2))
    case(name, lambda x, f=function: f(x, 1), integers(-2, 2, 3, 7).double(), arguments=[{"axes": 1}], note="ties")
for name, function in {"argMax": torch.argmax, "argMin": torch.argmin}.items():
    case(name, lambda x, f=function: f(x, -1), normal(3, 4))
    case(name, lambda x, f=function: f(x, 1), normal(2, 4, 3), arguments=[1])

case("transpose", lambda x: x.permute(2, 0, 1), normal(2, 3, 4), arguments=[[2, 0, 1]])
case("transpose", lambda x: x.permute(2, 1, 0), normal(2, 3, 2))
case("reshape", lambda x: x.reshape(4, -1), normal(2, 3, 2), arguments=[[4, -1]])
case("broadcastTo", lambda x: x.expand(2, 3, 4), normal(3, 1), arguments=[[2, 3, 4]])
case("slice", lambda x: x[1:, -2:3], normal(3, 4, 2), arguments=[[1, -2], [3, 3]])
case("concat, of three", lambda *x: torch.cat(x, 1), normal(2, 3), normal(2, 1), normal(2, 2), arguments=[-1])
case("stack, of three", lambda *x: torch.stack(x, 1), normal(2, 3), normal(2, 3), normal(2, 3), arguments=[1])
case("gather", lambda x, at: x[at.long()], normal(4, 3), integers(0, 4, 6))
case("gather", lambda x, at: x.index_select(1, at.long()), normal(2, 4, 3), integers(0, 4, 5), arguments=[1])
case(
    "scatterAdd",
    lambda x, at: x.new_zeros(5, 2).index_add(0, at.long(), x),
    normal(6, 2),
    integers(0, 5, 6),
    arguments=[5],
)
case(
    "scatterAdd",
    lambda x, at: x.new_zeros(2, 3, 2).index_add(1, at.long(), x),
    normal(2, 5, 2),
    integers(0, 3, 5),
    arguments=[3, 1],
)

case("crossEntropy", lambda x, labels: F.cross_entropy(x, labels.long()), normal(3, 4), integers(0, 4, 3))
case(
    "crossEntropy",
    lambda x, labels: F.cross_entropy(x, labels.long(), label_smoothing=0.1),
    normal(3, 4),
    integers(0, 4, 3),
    arguments=[{"labelSmoothing": 0.1}],
)


def distillation(temperature):
    """As Hinton et al. (2015) write it."""

    def loss(x, teacher):
        student, teacher = (F.log_softmax(logits / temperature, 1) for logits in (x, teacher))
        return temperature**2 * F.kl_div(student, teacher, reduction="batchmean", log_target=True)

    return loss


case("distillationLoss", distillation(1), normal(3, 4), normal(3, 4))
case("distillationLoss", distillation(2.5), normal(3, 4), normal(3, 4), arguments=[{"temperature": 2.5}])
write()
