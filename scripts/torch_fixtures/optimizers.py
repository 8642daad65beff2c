"""
Five steps of each optimizer and option, and learning rates of schedules. A case has the initial weights and the gradients
of the steps as one tensor each, and its result is the weights after each step.
"""

import torch
from record import case, normal, write


def steps(name, make, options, groups=None):
    """:param groups: The factors of the learning rate and the weight decay of two halves of the weights."""
    start, gradients = normal(7), normal(5, 7)

    def run(start, gradients):
        halves = [start.detach()[:4].clone(), start.detach()[4:].clone()]
        rest = dict(options)
        if groups:
            rate = rest.pop("lr")
            parameters = [
                {"params": [half], "lr": rate * factor, "weight_decay": decay}
                for half, (factor, decay) in zip(halves, groups)
            ]
            optimizer = make(parameters, lr=rate, **rest)
        else:
            optimizer = make(halves, **rest)
        found = []
        for gradient in gradients.detach():
            halves[0].grad, halves[1].grad = gradient[:4].clone(), gradient[4:].clone()
            optimizer.step()
            found.append(torch.cat(halves).clone())
        return torch.stack(found)

    ours = {"lr": "learningRate", "weight_decay": "weightDecay", "eps": "epsilon"}
    arguments = {ours.get(key, key): value for key, value in options.items()}
    if groups:
        arguments["groups"] = [{"learningRateFactor": factor, "weightDecay": decay} for factor, decay in groups]
    case(name, run, start, gradients, arguments=[arguments])


sgd, adam, rmsprop = torch.optim.SGD, torch.optim.Adam, torch.optim.RMSprop
steps("SGD", sgd, {"lr": 0.1})
steps("SGD", sgd, {"lr": 0.1, "weight_decay": 0.05})
steps("SGD", sgd, {"lr": 0.1, "momentum": 0.9})
steps("SGD", sgd, {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.05})
steps("SGD", sgd, {"lr": 0.1, "momentum": 0.9, "nesterov": True})
steps("SGD", sgd, {"lr": 0.1, "momentum": 0.8, "nesterov": True, "weight_decay": 0.05})
steps("SGD", sgd, {"lr": 0.1, "momentum": 0.9}, groups=[(0.5, 0.1), (3.0, 0.0)])
steps("Adam", adam, {"lr": 0.001})
steps("Adam", adam, {"lr": 0.02, "betas": [0.5, 0.9], "eps": 1e-3, "weight_decay": 0.1})
steps("Adam", adam, {"lr": 0.01}, groups=[(0.5, 0.1), (3.0, 0.0)])
steps("AdamW", torch.optim.AdamW, {"lr": 0.001})
steps("AdamW", torch.optim.AdamW, {"lr": 0.02, "weight_decay": 0.3})
steps("AdamW", torch.optim.AdamW, {"lr": 0.02}, groups=[(0.5, 0.3), (3.0, 0.0)])
steps("RMSProp", rmsprop, {"lr": 0.01})
steps("RMSProp", rmsprop, {"lr": 0.02, "alpha": 0.9, "eps": 1e-3, "weight_decay": 0.1})
steps("RMSProp", rmsprop, {"lr": 0.01, "momentum": 0.9, "weight_decay": 0.1})
steps("RMSProp", rmsprop, {"lr": 0.01, "alpha": 0.8, "centered": True})
steps("RMSProp", rmsprop, {"lr": 0.01, "alpha": 0.8, "centered": True, "momentum": 0.5, "weight_decay": 0.1})
steps("RMSProp", rmsprop, {"lr": 0.01, "momentum": 0.5}, groups=[(0.5, 0.1), (3.0, 0.0)])


def scheduled(make, steps, values=None):
    """The learning rates that a scheduler sets, beginning with 1."""
    optimizer = sgd([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = make(optimizer)
    rates = []
    for step in range(steps):
        if values is None:
            rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step(*([values[step].item()] if values is not None else []))
        if values is not None:
            rates.append(optimizer.param_groups[0]["lr"])
    return torch.tensor(rates).double()


schedulers = torch.optim.lr_scheduler
case("exponential", lambda: scheduled(lambda o: schedulers.ExponentialLR(o, 0.9), 8), arguments=[{"factor": 0.9}])
case("exponential", lambda: scheduled(lambda o: schedulers.StepLR(o, 3, 0.5), 8), arguments=[{"factor": 0.5, "every": 3}])


def sequential(optimizer):
    first = schedulers.ConstantLR(optimizer, factor=0.5, total_iters=100)
    second = schedulers.ExponentialLR(optimizer, 0.9)
    return schedulers.SequentialLR(optimizer, [first, second], milestones=[3])


case("sequence", lambda: scheduled(sequential, 8), arguments=[{"first": 0.5, "factor": 0.9, "at": 3}])
values = torch.tensor([3, 2.5, 2.6, 2.5, 2.49999, 2.4, 2.5, 2.5, 2.5, 2.5, 2.5, 2.5, 2.5, 2.5, 1, 1, 1, 1, 1]).double()
for options in (
    {"patience": 1},
    {"patience": 0, "factor": 0.5, "cooldown": 2, "minimum": 0.01},
    {"patience": 2, "factor": 0.5, "mode": "max", "threshold": 0.01},
):
    theirs = {"min_lr" if key == "minimum" else key: value for key, value in options.items()}
    case(
        "ReduceOnPlateau",
        lambda values: scheduled(lambda o: schedulers.ReduceLROnPlateau(o, **theirs), len(values), values.detach()),
        values,
        arguments=[options],
    )
write()
