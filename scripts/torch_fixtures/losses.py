"""The losses. Class weights are not differentiable in PyTorch, so they are arguments, not inputs."""

import torch
import torch.nn.functional as F
from record import case, integers, normal, uniform, write


def probabilities(*shape):
    return torch.softmax(normal(*shape), -1).float().double()


def cross_entropy(name, labels, *shape, arguments, note=None, **options):
    """Our classes are the last axis, those of PyTorch the second one."""
    weight = torch.tensor(options.pop("weight")).double() if "weight" in options else None

    def loss(x, target):
        classes = x.shape[-1]
        if target.is_floating_point():
            result = F.cross_entropy(x.reshape(-1, classes), target.reshape(-1, classes), weight=weight, **options)
        else:
            result = F.cross_entropy(x.reshape(-1, classes), target.reshape(-1).long(), weight=weight, **options)
        return result.reshape(x.shape[:-1]) if options.get("reduction") == "none" else result

    case(name, loss, normal(*shape), labels, arguments=[arguments], note=note)


weight = [0.5, 2.0, 0.0, 1.25, 3.0]
five = torch.tensor([3, 0, 4, 1, 1, 0, 2], dtype=torch.int32)
some = torch.tensor([3, -1, 4, -1, 1, 0, 2], dtype=torch.int32)
cross_entropy("crossEntropy", integers(0, 4, 2, 3), 2, 3, 4, arguments={})
cross_entropy("crossEntropy", torch.tensor(2, dtype=torch.int32), 4, arguments={})
for reduction in ("mean", "sum", "none"):
    cross_entropy("crossEntropy", five, 7, 5, arguments={"reduction": reduction}, reduction=reduction)
    for smoothing in (0.0, 0.2):
        options = {"labelSmoothing": smoothing, "weight": weight, "ignoreIndex": -1, "reduction": reduction}
        cross_entropy(
            "crossEntropy, weighted",
            some,
            7,
            5,
            arguments=options,
            label_smoothing=smoothing,
            weight=weight,
            ignore_index=-1,
            reduction=reduction,
        )
        soft = {"labelSmoothing": smoothing, "weight": weight, "reduction": reduction}
        cross_entropy(
            "crossEntropy, weighted",
            probabilities(3, 5),
            3,
            5,
            arguments=soft,
            label_smoothing=smoothing,
            weight=weight,
            reduction=reduction,
        )
cross_entropy("crossEntropy", five, 7, 5, arguments={"ignoreIndex": 0}, ignore_index=0, note="a class is ignored")
cross_entropy(
    "crossEntropy", five, 7, 5, arguments={"ignoreIndex": 1, "labelSmoothing": 0.3}, ignore_index=1, label_smoothing=0.3
)
cross_entropy("crossEntropy", probabilities(2, 3, 4), 2, 3, 4, arguments={}, note="soft targets")
none = torch.tensor([-1, -1], dtype=torch.int32)
case(
    "crossEntropy",
    lambda x, labels: F.cross_entropy(x.detach(), labels.long(), ignore_index=-1),
    normal(2, 3),
    none,
    arguments=[{"ignoreIndex": -1}],
    note="no row counts",
)
infinite = normal(3, 4)
infinite[0, 1] = infinite[2, 3] = -torch.inf
labels = torch.tensor([0, 3, 1], dtype=torch.int32)
for smoothing in (0.0, 0.1):
    case(
        "crossEntropy",
        lambda x, labels: F.cross_entropy(x.detach(), labels.long(), ignore_index=-1, label_smoothing=smoothing),
        infinite,
        labels,
        arguments=[{"ignoreIndex": -1, "labelSmoothing": smoothing}],
        note="infinite logits",
    )
case(
    "crossEntropy",
    lambda x, labels: F.cross_entropy(x, labels.long(), ignore_index=-1),
    infinite,
    labels,
    arguments=[{"ignoreIndex": -1}],
    note="gradients of infinite logits",
)

for reduction in ("mean", "sum", "none"):
    options = [{"reduction": reduction}]
    case("mse", lambda a, b: F.mse_loss(a, b, reduction=reduction), normal(2, 3), normal(2, 3), arguments=options)
    case("l1", lambda a, b: F.l1_loss(a, b, reduction=reduction), normal(2, 3), normal(2, 3), arguments=options)
    case(
        "huber",
        lambda a, b: F.huber_loss(a, b, reduction=reduction, delta=0.7),
        normal(3, 5),
        normal(3, 5),
        arguments=[{"delta": 0.7, "reduction": reduction}],
    )
    case(
        "binaryCrossEntropyWithLogits",
        lambda x, y: F.binary_cross_entropy_with_logits(x, y, reduction=reduction),
        3 * normal(3, 5),
        uniform(0, 1, 3, 5),
        arguments=options,
    )
ties = torch.tensor([-2.0, -1.0, 0.0, 0.0, 1.0, 2.0]).double()
case("huber", lambda a, b: F.huber_loss(a, b), ties, torch.zeros(6).double(), note="at its corners and at 0")
case("l1", lambda a, b: F.l1_loss(a, b), ties, torch.zeros(6).double(), note="at 0")
case("mse", lambda a, b: F.mse_loss(a, b), normal(), normal(), note="scalars")
case(
    "binaryCrossEntropyWithLogits",
    lambda x, y: F.binary_cross_entropy_with_logits(x, y, reduction="none"),
    torch.tensor([0.0, -0.0, 90.0, -90.0, 1000.0, -1000.0, 0.0]).double(),
    torch.tensor([0.0, 1.0, 0.0, 1.0, 1.0, 1.0, 0.3]).double(),
    arguments=[{"reduction": "none"}],
    note="at 0, and far from it",
)
positive = [0.5, 2.0, 0.0, 1.25, 3.0]
case(
    "binaryCrossEntropyWithLogits, weighted",
    lambda x, y: F.binary_cross_entropy_with_logits(x, y, pos_weight=torch.tensor(positive).double()),
    normal(3, 5),
    uniform(0, 1, 3, 5),
    arguments=[{"positiveWeight": positive}],
)
case(
    "klDivergence",
    lambda q, p: F.kl_div(q, p, reduction="batchmean"),
    torch.log_softmax(normal(3, 4), -1).float().double(),
    probabilities(3, 4),
)
case(
    "klDivergence",
    lambda q, p: F.kl_div(q, p, reduction="sum", log_target=True),
    torch.log_softmax(normal(3, 4), -1).float().double(),
    torch.log_softmax(normal(3, 4), -1).float().double(),
    arguments=[{"reduction": "sum", "logTarget": True}],
)
case(
    "klDivergence",
    lambda q, p: F.kl_div(q, p, reduction="none").sum(-1),
    torch.log_softmax(normal(2, 3, 4), -1).float().double(),
    probabilities(2, 3, 4),
    arguments=[{"reduction": "none"}],
    note="of each row",
)
case(
    "klDivergence",
    lambda q, p: F.kl_div(q.detach(), p.detach(), reduction="batchmean"),
    torch.log_softmax(normal(2, 3), -1).float().double(),
    torch.tensor([[0.0, 1.0, 0.0], [0.25, 0.75, 0.0]]).double(),
    note="probabilities of 0",
)
write()
