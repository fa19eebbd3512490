"""The exercises of notebook 03: surgery, freezing, drifting, features computed once."""

import torch
import torch.nn.functional as F
from torch import nn

from tl_course.core.network import LAYERS, FiveLayerNet
from tl_course.lessons.exercises import Exercise, expect


def _state(net: nn.Module, but: str = "output") -> dict[str, torch.Tensor]:
    """Copies of every parameter and buffer whose name does not begin with `but`."""
    return {k: v.clone() for k, v in net.state_dict().items() if not k.startswith(but)}


def _unchanged(before: dict[str, torch.Tensor], net: nn.Module) -> bool:
    after = net.state_dict()
    return all(k in after and torch.equal(v, after[k]) for k, v in before.items())


# ---------------------------------------------------------------------------- surgery


def new_head(net, classes):
    """A copy of `net` with a new output layer of `classes` units that start at zero."""
    ...


def _check_surgery(new_head) -> None:
    for classes in (10, 3):
        net = FiveLayerNet(7)
        nn.init.normal_(net.output.weight)
        before = _state(net, but="nothing")
        found = new_head(net, classes)
        expect(
            found is not None, "Your function returns nothing: its last line must be `return …`."
        )
        expect(isinstance(found, nn.Module), "Your function must return a network.")
        expect(
            found is not net and _unchanged(before, net) and net.output.out_features == 7,
            "The network that you were given has changed. Work on a copy (`copy.deepcopy`), so "
            "that the pretrained network can be borrowed again.",
        )
        last = getattr(found, "output", None)
        expect(isinstance(last, nn.Linear), "The new `output` must be an `nn.Linear`.")
        expect(
            last.in_features == 1024,
            f"The new output layer takes {last.in_features} numbers, but layer 4 gives 1,024.",
        )
        expect(
            last.out_features == classes,
            f"Asked for {classes} classes, you made {last.out_features} units: use `classes`.",
        )
        expect(
            _unchanged(_state(net), found),
            "Layers 1 to 4 are no longer those of the network that you were given. Copy it, "
            "rather than making a new one.",
        )
        start = last.weight.abs().max() + last.bias.abs().max()
        expect(
            start == 0,
            "The new units do not start at zero: `nn.Linear` starts with random numbers, so set "
            "its weight and its bias to 0.",
        )


surgery = Exercise(
    "03.surgery",
    new_head,
    _check_surgery,
    (
        "Three steps: a copy of the network, an `nn.Linear`, and putting the one into the other.",
        "`copy.deepcopy(net)` copies. The layer takes `net.output.in_features` numbers and gives "
        "`classes` scores.",
        "`nn.init.zeros_(output.weight)` and the same for `output.bias`; then `copied.output = "
        "output`, and return the copy.",
    ),
    "This works for any PyTorch network: find its last layer by name, and put your own in its "
    "place. In torchvision's ResNets it is called `fc`, in many others `classifier` or `head`.",
)


# ---------------------------------------------------------------------------- freezing


def freeze(net):
    """Freeze everything in `net` but its output layer."""
    ...


def _check_freezing(freeze) -> None:
    net = FiveLayerNet(7)
    nn.init.normal_(net.output.weight)
    before = _state(net, but="nothing")
    freeze(net)
    expect(
        _unchanged(before, net),
        "Your function changes the weights. Freezing changes no number: it only says which "
        "numbers training may change.",
    )
    moving = {name for name, parameter in net.named_parameters() if parameter.requires_grad}
    layers = {f"{layer}.{part}" for layer in LAYERS for part in ("weight", "bias")}
    output = {"output.weight", "output.bias"}
    expect(moving, "Now nothing can be trained: the output layer must stay trainable.")
    expect(
        moving != layers | output,
        "Every parameter can still move. `requires_grad` has to be set on each *parameter*; set "
        "on the network or on a layer, it does nothing.",
    )
    expect(moving != layers, "It is the wrong way round: you froze the output layer alone.")
    biases = {name for name in moving & layers if name.endswith("bias")}
    expect(
        moving & layers != biases or not biases,
        f"The weights are frozen, but {', '.join(sorted(biases))} can still move: a bias is a "
        "parameter too.",
    )
    expect(
        not moving & layers,
        f"{', '.join(sorted(moving & layers))} can still move.",
    )
    expect(
        output <= moving,
        f"Of the output layer only {', '.join(moving) or 'nothing'} can move: it has a weight "
        "and a bias.",
    )


freezing = Exercise(
    "03.freezing",
    freeze,
    _check_freezing,
    (
        "You did it above: the loop over `named_parameters()`.",
        '`net.named_parameters()` gives pairs such as ("layer1.weight", the parameter). Look at '
        "the name.",
        '`parameter.requires_grad = name.startswith("output")`, for each of them.',
    ),
    "A frozen parameter gets no gradient, so no optimizer can move it. The number of trainable "
    "parameters is the first thing to print in any fine-tuning script.",
)


# ---------------------------------------------------------------------------- find the fault


def made_ready(net):
    """`net` with layers 1 to 4 frozen, ready to train its output layer."""
    for name, parameter in net.named_parameters():
        parameter.requires_grad = name.startswith("output")
    net.train()
    return net


def _check_drift(made_ready) -> None:
    net = FiveLayerNet(7, batch_norm=True)
    found = made_ready(net)
    expect(isinstance(found, nn.Module), "Your function must return the network.")
    moving = {name for name, parameter in found.named_parameters() if parameter.requires_grad}
    expect(
        "output.weight" in moving and "output.bias" in moving,
        "The output layer is frozen now, so nothing can be learnt any more.",
    )
    frozen = {name for name, _ in found.named_parameters() if not name.startswith("output")}
    expect(
        not moving & frozen,
        "The layers are no longer frozen: the loop over the parameters was right, keep it.",
    )
    expect(
        any(isinstance(one, nn.BatchNorm2d) for one in found.modules()),
        "You took BatchNorm out, and with it a part of what the layers learnt. Keep it, but keep "
        "it from learning.",
    )
    before = _state(found)
    with torch.no_grad():
        found(3 + torch.randn(16, 3, 32, 32))
    counted = all(_unchanged({k: v}, found) for k, v in before.items() if "num_batches" not in k)
    expect(
        _unchanged(before, found) or counted,
        "It still drifts: sixteen pictures passed through, and the running means of BatchNorm are "
        "no longer what they were. Which mode is BatchNorm in when the function ends?",
    )
    expect(
        _unchanged(before, found),
        "The means stay, but BatchNorm still counts batches (`num_batches_tracked`): it is still "
        "in training mode. A momentum of zero hides the drift; `eval()` ends it.",
    )


drift = Exercise(
    "03.drift",
    made_ready,
    _check_drift,
    (
        "Print `net.norm1.running_mean[:3]` before and after pictures have passed.",
        "`requires_grad = False` does not stop BatchNorm; its mode does.",
        "`net.eval()` instead of `net.train()`: BatchNorm then uses its statistics and does not "
        "update them. (Dropout is off then too.)",
    ),
    "Frozen and eval are two things, and a frozen network needs both: `requires_grad = False` "
    "stops the optimizer, `eval()` stops the buffers. Anyone who trains in a loop that calls "
    "`net.train()` at the start of each epoch brings the drift back.",
)


# ---------------------------------------------------------------------------- features once


def train_output(net, x, y, steps=100):
    """`net`, its output layer trained for `steps` steps; the features are computed only once."""
    optimizer = torch.optim.Adam(net.output.parameters(), lr=1e-2)
    for _ in range(steps):
        loss = F.cross_entropy(net(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return net


def _check_once(train_output) -> None:
    net = FiveLayerNet(2)
    nn.init.normal_(net.output.weight, std=1e-3)  # from zero no gradient reaches the layers
    x, y = torch.randn(12, 3, 32, 32), torch.arange(12) % 2
    start = net.output.weight.clone()
    before, seen = _state(net), []
    watching = net.layer1.register_forward_hook(lambda _, given, __: seen.append(len(given[0])))
    found = train_output(net, x, y, steps=30)
    watching.remove()
    expect(isinstance(found, nn.Module), "Your function must return the network.")
    expect(
        _unchanged(before, found),
        "Layers 1 to 4 have moved: give the optimizer the parameters of `net.output` alone.",
    )
    expect(
        len(seen) > 0 and sum(seen) >= len(x),
        "The pictures never went through layer 1: `net.features(x)` computes the features.",
    )
    expect(
        len(seen) < 30,
        f"Layer 1 was asked {len(seen)} times in 30 steps. Its answer never changes: ask once, "
        "before the loop.",
    )
    expect(
        sum(seen) == len(x),
        f"{sum(seen)} pictures went through layer 1, and there are {len(x)}: once is enough.",
    )
    expect(
        not torch.equal(found.output.weight, start),
        "The output layer is still what it was: does the loop still take its steps?",
    )
    with torch.no_grad():
        loss = F.cross_entropy(found(x), y).item()
    expect(
        loss < 0.5,
        f"After 30 steps the loss on the training pictures is {loss:.2f}; with the right features "
        "and labels it falls below 0.5. Does the output layer get the features of all pictures?",
    )


once = Exercise(
    "03.once",
    train_output,
    _check_once,
    (
        "What in the loop gives the same result in every step?",
        "`net(x)` is `net.output(net.features(x))`. Only the outer part changes.",
        "`features = net.features(x).detach()` before the loop (no gradient is needed through "
        "frozen layers), and in the loop `net.output(features)`.",
    ),
    "Frozen layers give the same answer in every step, so a thousand steps cost one pass through "
    "them. That is why Option 1 takes a fraction of a second here, and minutes instead of hours "
    "on a large network.",
)
