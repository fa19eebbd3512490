"""The exercises of notebook 03: surgery, freezing, drifting, features computed once."""

import copy

import torch
import torch.nn.functional as F
from torch import nn

from tl_course.core.network import FiveLayerNet
from tl_course.lessons.exercises import Exercise, differing, expect, returned, same


def _layers_moved(before: nn.Module, net: nn.Module) -> set[str]:
    """The names of weights and buffers outside the output layer that differ."""
    return {name for name in differing(before, net) if not name.startswith("output")}


# ---------------------------------------------------------------------------- surgery


def new_head(net, classes):
    """A copy of `net` with a new output layer of `classes` units that start at zero."""
    ...


def _check_surgery(new_head) -> None:
    for classes in (10, 3):
        net = FiveLayerNet(7)
        nn.init.normal_(net.output.weight)
        before = copy.deepcopy(net)
        changed = returned(new_head(net, classes))
        expect(isinstance(changed, nn.Module), network="Your function must return a network.")
        expect(
            changed is not net and same(before, net) and net.output.out_features == 7,
            changed="The network that you were given has changed. Work on a copy "
            "(`copy.deepcopy`), so that the pretrained network can be used again.",
        )
        last = getattr(changed, "output", None)
        expect(isinstance(last, nn.Linear), linear="The new `output` must be an `nn.Linear`.")
        expect(
            last.bias is not None,
            bias="The new output layer has no bias: b⁵ is one number for each class, and "
            "`nn.Linear` makes it unless it is told not to.",
        )
        units, features = last.weight.shape
        expect(
            features == 1024,
            features=f"The new output layer takes {features} numbers, but layer 4 gives 1,024.",
        )
        expect(
            units == classes,
            units=f"Asked for {classes} classes, the network gives {units} scores: look at the "
            "first number of the weight's shape, and make as many units as `classes` says.",
        )
        expect(
            not _layers_moved(net, changed),
            layers="Layers 1 to 4 are no longer those of the network that you were given. Copy it, "
            "rather than making a new one.",
        )
        start = last.weight.abs().max() + last.bias.abs().max()
        expect(
            start == 0,
            zero="The new units do not start at zero: `nn.Linear` starts with random numbers, so "
            "set its weight and its bias to 0.",
        )


surgery = Exercise(
    "03.surgery",
    new_head,
    _check_surgery,
    (
        "Three steps: copy the network, make an `nn.Linear`, and put it into the copy.",
        "`copy.deepcopy(net)` copies. The layer takes `net.output.in_features` numbers and gives "
        "`classes` scores.",
        "`nn.init.zeros_(output.weight)` and the same for `output.bias`; then `copied.output = "
        "output`, and return the copy.",
    ),
    "This works for any PyTorch network: find its last layer by name, and put your own in its "
    "place. In torchvision's ResNets it is called `fc`, in many others `classifier` or `head`.",
)


# ---------------------------------------------------------------------------- freezing


def freeze(net, trainable):
    """Freeze everything in `net` but the modules named in `trainable`, such as ["output"]."""
    ...


def _check_freezing(freeze) -> None:
    net = FiveLayerNet(7)
    nn.init.normal_(net.output.weight)
    before = copy.deepcopy(net)
    returned = freeze(net, ["output"])
    expect(
        same(before, net),
        weights="Your function changes the weights. Freezing changes no number: it only says which "
        "numbers training may change.",
    )
    typed = sorted({name for parameter in net.parameters() for name in vars(parameter)})
    expect(
        not typed,
        misspelt=f"You set `{', '.join(typed)}` on the parameters, and PyTorch pays no attention "
        "to that name. Compare it letter by letter with the one above.",
    )
    moving, every = _moving(net), {name for name, _ in net.named_parameters()}
    output = {"output.weight", "output.bias"}
    expect(
        moving,
        nothing_moves="Now nothing can be trained: the modules in `trainable` must stay trainable.",
    )
    expect(
        moving != every or not isinstance(returned, nn.Module) or returned is net,
        copied="The network that your function was given has not changed: freeze that one, not "
        "a copy.",
    )
    expect(
        moving != every,
        on_parameters="Every parameter can still change. `requires_grad` has to be set on each "
        "*parameter*; set on the network or on a layer, it does nothing.",
    )
    expect(
        moving != every - output,
        inverted="It is the wrong way round: you froze only the output layer.",
    )
    biases = {name for name in moving - output if name.endswith("bias")}
    expect(
        moving - output != biases or not biases,
        biases=f"The weights are frozen, but {', '.join(sorted(biases))} can still change: a bias "
        "is a parameter, too.",
    )
    expect(not moving - output, others=f"{', '.join(sorted(moving - output))} can still change.")
    expect(
        output <= moving,
        output=f"Of the output layer only {', '.join(moving)} can change: it has a weight and "
        "a bias.",
    )
    freeze(net, ["layer4", "output"])
    expect(
        "layer4.weight" in _moving(net),
        thawed="Asked for layer 4 and the output layer, yours leaves layer 4 frozen. It was frozen "
        "before, so it has to be set to True, and `trainable` may name several modules.",
    )
    many = nn.ModuleDict({name: nn.Linear(2, 2) for name in ("layer1", "layer10", "output")})
    freeze(many, ["layer1"])
    expect(
        not any(name.startswith("layer10") for name in _moving(many)),
        beginning="In a network with a layer1 and a layer10, asking for layer1 also leaves layer10 "
        "trainable. A module's name ends at the dot.",
    )
    expect(
        _moving(many) == {"layer1.weight", "layer1.bias"},
        alone="Asked for layer1 alone, these can change: "
        f"{', '.join(sorted(_moving(many))) or 'none'}.",
    )


def _moving(net: nn.Module) -> set[str]:
    return {name for name, parameter in net.named_parameters() if parameter.requires_grad}


freezing = Exercise(
    "03.freezing",
    freeze,
    _check_freezing,
    (
        'The cell above compares the name only with "output". Now there may be several names.',
        'A parameter is called "layer4.weight": its module is what stands before the last dot, '
        "and for these networks also before the first.",
        '`name.split(".")[0]` is the module; `requires_grad` becomes True where it is in '
        "`trainable`, and False elsewhere.",
    ),
    "A frozen parameter gets no gradient, so no optimizer can change it. The number of trainable "
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
    pictures = 3 + torch.randn(16, 3, 32, 32)
    with torch.no_grad():
        borrowed = copy.deepcopy(net).eval().features(pictures)
    ready = made_ready(net)
    expect(isinstance(ready, nn.Module), network="Your function must return the network.")
    moving = _moving(ready)
    expect(
        "output.weight" in moving and "output.bias" in moving,
        output="The output layer is frozen now, so nothing can be learnt any more.",
    )
    frozen = {name for name, _ in ready.named_parameters() if not name.startswith("output")}
    expect(
        not moving & frozen,
        thawed="The layers are no longer frozen. The loop over the parameters was right: keep it.",
    )
    expect(
        any(isinstance(module, nn.BatchNorm2d) for module in ready.modules()),
        batch_norm="You took BatchNorm out, and with it a part of what the layers learnt. Keep it, "
        "but stop it from learning.",
    )
    before = copy.deepcopy(ready)
    with torch.no_grad():
        ready(pictures)
    drifted = _layers_moved(before, ready)
    expect(
        all("num_batches" in name for name in drifted),
        drifts="It still drifts: sixteen pictures passed through, and the running means of "
        "BatchNorm are no longer what they were. Which mode is BatchNorm in when the function "
        "ends?",
    )
    expect(
        not drifted,
        momentum="The means stay, but BatchNorm still counts batches (`num_batches_tracked`): it "
        "is still in training mode. A momentum of zero hides the drift; `eval()` ends it.",
    )
    with torch.no_grad():
        now = ready.features(pictures)
    expect(
        torch.allclose(now, borrowed, rtol=1e-3, atol=1e-4),
        statistics="No buffer changes any more, but the layers answer differently than before: "
        "BatchNorm uses the statistics of each batch in place of those that it learnt.",
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
    net, steps = FiveLayerNet(2), 30
    nn.init.normal_(net.output.weight, std=1e-3)  # at zero, layers get no gradient
    x, y = torch.randn(12, 3, 32, 32), torch.arange(12) % 2
    start = net.output.weight.detach().clone()
    before, seen, back, asked = copy.deepcopy(net), [], [], []

    def look(_module, given, answer) -> None:
        seen.append(len(given[0]))
        if answer.requires_grad:
            answer.register_hook(lambda gradient: back.append(1))

    watching = [
        net.layer1.register_forward_hook(look),
        net.output.register_forward_hook(lambda *_: asked.append(1)),
    ]
    try:
        after = train_output(net, x, y, steps=steps)
    except RuntimeError as error:
        expect(
            "inplace" not in str(error) and "in-place" not in str(error) or len(seen) >= steps,
            scores="What you compute before the loop includes the output layer, and its scores "
            "change in every step. Compute only what the frozen layers give.",
        )
        expect(
            "second time" not in str(error),
            history="The second `backward()` fails: the features still remember how they were "
            "computed, and it wants to go through the frozen layers again. They need no gradient "
            "at all.",
        )
        raise
    finally:
        for hook in watching:
            hook.remove()
    expect(isinstance(after, nn.Module), network="Your function must return the network.")
    expect(
        not _layers_moved(before, after),
        layers="Layers 1 to 4 have changed: give the optimizer only `net.output.parameters()`.",
    )
    expect(
        sum(seen) >= len(x),
        features="The pictures never went through layer 1: `net.features(x)` computes the "
        "features.",
    )
    expect(
        len(seen) < steps,
        each_step=f"Layer 1 was used {len(seen)} times in {steps} steps. Its answer never "
        "changes: use it once, before the loop.",
    )
    expect(
        sum(seen) == len(x),
        again=f"{sum(seen)} pictures went through layer 1, and there are {len(x)}: once is enough.",
    )
    expect(
        not back,
        graph=f"Gradients went back through the frozen layers {len(back)} times, and that is as "
        "slow as before. The features need no gradient, so no graph has to be kept.",
    )
    expect(
        after.output.weight.shape == start.shape,
        units=f"The network came with an output layer of {len(start)} units, and now it has "
        f"{len(after.output.weight)}: train that one.",
    )
    expect(
        not torch.equal(after.output.weight, start),
        output="The output layer is still what it was: does the loop still take its steps?",
    )
    expect(
        not asked or abs(len(asked) - steps) <= 2,
        steps=f"Asked for {steps} steps, it takes {len(asked)}: use `steps`.",
    )
    with torch.no_grad():
        loss = F.cross_entropy(after(x), y).item()
    expect(
        loss < 0.5,
        loss=f"After {steps} steps the loss on the training pictures is {loss:.2f}, and it should "
        "fall below 0.5. Do features and labels belong together, and does each step begin with "
        "cleared gradients?",
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
