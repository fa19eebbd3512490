"""The exercises of notebook 04: fine-tuning, a ruinous rate, how far layers move, two tasks."""

import copy
import math

import torch
import torch.nn.functional as F
from torch import nn

from tl_course.base.errors import CourseError
from tl_course.core import pretraining, transfer
from tl_course.core.network import LAYERS, FiveLayerNet
from tl_course.core.settings import Settings
from tl_course.data.examples import draw
from tl_course.data.targets.handwritten import handwritten
from tl_course.lessons.exercises import (
    Exercise,
    Wrong,
    called,
    differing,
    expect,
    expect_unlike,
    has_length,
    returned,
    same,
)
from tl_course.study import forgetting

# ---------------------------------------------------------------------------- fine-tuning


def fine_tune(net, x, y, rate, steps):
    """A copy of `net`, all of it trained on pictures `x` with labels `y`: `steps` steps of Adam."""
    ...


def _check_fine_tuning(fine_tune) -> None:
    x, y = torch.randn(12, 3, 32, 32), torch.arange(12) % 3

    def source(frozen: bool = False) -> FiveLayerNet:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)
            net = FiveLayerNet(3)
            nn.init.normal_(net.output.weight, std=1e-3)  # at zero, layers start a step late
        for name, parameter in net.named_parameters():
            parameter.requires_grad = not frozen or name.startswith("output")
        return net

    def tuned(rate: float, steps: int) -> tuple[nn.Module, float]:
        """The fine-tuned network, and how far its layers moved, in sum."""
        net = source()
        adapted = fine_tune(net, x, y, rate, steps)
        return adapted, sum(forgetting.moved_by_layer(net, adapted).values())

    net, before = source(), source()
    adapted = returned(fine_tune(net, x, y, 1e-3, 30))
    expect(isinstance(adapted, nn.Module), network="Your function must return a network.")
    spoiled = differing(before, net)
    expect(
        adapted is not net or spoiled,
        untrained="You return the network that you were given, and nothing in it has changed: "
        "train a copy, and return that copy.",
    )
    expect(
        adapted is not net and not spoiled,
        changed="The network that you were given has changed. Train a copy (`copy.deepcopy`), so "
        "that the pretrained network can be used again.",
    )
    classes, units = (network.state_dict().get("output.weight") for network in (net, adapted))
    expect(
        units is None or units.shape == classes.shape,
        classes=f"The network came with an output layer for its {len(classes)} classes, and yours "
        "has another in its place. Train the output layer that is there.",
    )
    moved = differing(before, adapted)
    if not moved:
        expect(
            all(parameter.grad is None for parameter in net.parameters()),
            source_loss="Nothing moved, and the gradients went to the network that you were given: "
            "compute the loss from the scores of the copy.",
        )
        raise Wrong(
            nothing_moved="Nothing moved. Does the optimizer hold the parameters of the copy, and "
            "does the loop call `step()`?"
        )
    output = {"output.weight", "output.bias"}
    expect(
        moved - output,
        output_alone="Only the output layer moved. In Option 2 the optimizer needs *every* "
        "parameter.",
    )
    expect(
        moved & output,
        output_still="The output layer did not move. Is the loss computed from its scores, and "
        "does the optimizer know of it?",
    )
    still = ", ".join(sorted(before.state_dict().keys() - moved))
    expect(
        not still, still=f"{still} did not move: the optimizer needs all parameters of the copy."
    )

    net = source(frozen=True)
    adapted = fine_tune(net, x, y, 1e-3, 3)
    still_frozen = not differing(before, adapted) - output
    expect(
        not still_frozen or not all(network.requires_grad for network in adapted.parameters()),
        too_late="The layers of the copy are unfrozen in the end, but too late to change: unfreeze "
        "them before the loop, and before you choose what the optimizer is given.",
    )
    expect(
        not still_frozen,
        frozen="Given a network whose layers are frozen (Option 1 leaves it like that), yours "
        "keeps them frozen: a copy has the same `requires_grad`. Set it to True on every parameter "
        "of the copy.",
    )
    expect(
        {name for name, network in net.named_parameters() if network.requires_grad} == output,
        source_thawed="The copy can change, but the network that you were given has been unfrozen, "
        "too: set `requires_grad` only on the copy.",
    )

    few, short = tuned(1e-3, 2)
    _, slow = tuned(1e-5, 2)
    _, long = tuned(1e-3, 12)
    expect(
        short > 3 * slow,
        rate="With a hundred times the rate the layers change no more: give `rate` to the "
        "optimizer.",
    )
    expect(
        long > 1.5 * short,
        steps="Two steps move the layers as far as twelve do: the loop must take `steps` steps.",
    )
    hardly, _ = tuned(1e-7, 2)
    old, new = source().output.weight.detach(), hardly.output.weight.detach()
    expect(
        (new - old).norm() < old.norm() / 2,
        fresh_output="After two tiny steps the output layer is not like the one that the network "
        "came with, so a fresh one has taken its place. Train the one that is there.",
    )
    sizes = [_gradient(network) for network in (hardly, tuned(1e-7, 24)[0])]
    expect(
        min(sizes) == 0 or sizes[1] < 4 * sizes[0],
        adding_up="The gradients grow from step to step, although the loss does not: `backward` "
        "adds to what is there, so `zero_grad()` belongs in the loop.",
    )
    network, _ = tuned(1e-3, 1)
    went = (network.layer4.weight - source().layer4.weight).detach().abs()
    expect(
        went.any(),
        one_step="Asked for a single step, yours takes none: count the iterations of the loop.",
    )
    far = went[went > went.max() / 100]  # only weight decay moves the others
    low, high = far.quantile(torch.tensor([0.1, 0.9]))
    expect(
        high < 2 * low,  # because Adam's first step is equally long for all weights
        optimizer="In the first step of Adam all weights of a layer move about equally far; in "
        "yours some move much further than others. Which optimizer is it?",
    )
    adapted, _ = tuned(1e-3, 30)
    with torch.no_grad():
        loss = F.cross_entropy(adapted.eval()(x), y).item()
    expect(
        loss < 0.5,
        loss=f"After 30 steps at a rate of 0.001 the loss on the training pictures is {loss:.2f}; "
        "with Adam and the right labels it falls below 0.5. Which loss does the loop lower?",
    )


def _gradient(net: nn.Module) -> float:
    """The norm of the gradient that is left on the output layer, 0 if there is none."""
    left = net.output.weight.grad
    return 0.0 if left is None else left.norm().item()


fine_tuning = Exercise(
    "04.fine_tuning",
    fine_tune,
    _check_fine_tuning,
    (
        "Four parts: a copy, everything in it trainable, an optimizer, and the loop of the "
        "cell above.",
        "`copy.deepcopy(net)` copies `requires_grad` too. A network has a method that sets it for "
        "all of its parameters: `requires_grad_(True)`.",
        "`torch.optim.Adam(tuned.parameters(), lr=rate)`; then in the loop the loss, `zero_grad`, "
        "`backward`, `step`; and `return tuned` after it.",
    ),
    "These lines are Option 2 for any network. Two mistakes that people make in them raise no "
    "error: a layer that is still frozen, and an optimizer that holds another network's "
    "parameters.",
    seconds=2,
)


# ---------------------------------------------------------------------------- a ruinous rate

LEAST, MOST_STEPS, FAR = 92, 200, 20  # percent of validation digits; steps; percent
rate_given = """
rate = 1e-2
steps = 100
"""


def _check_rate(rate, steps) -> None:
    numbers = all(
        isinstance(number, (int, float)) and math.isfinite(number) for number in (rate, steps)
    )
    expect(numbers, numbers="`rate` and `steps` must be numbers.")
    expect(rate > 0, rate="The rate must be above zero.")
    expect(
        steps == int(steps) and 1 <= steps <= MOST_STEPS,
        steps=f"`steps` must be a whole number from 1 to {MOST_STEPS}, so that the check stays "
        "short.",
    )
    net, digits = pretraining.pretrained("emoji-images"), handwritten()
    fifty = draw(digits.pool, 50, 1)
    chosen = Settings(learning_rate=rate, steps=int(steps))
    try:
        tuned = transfer.option_2(net, fifty, test=digits.validation[::2], chosen=chosen)
    except CourseError as error:
        raise Wrong(breaks_off=f"The rate is so large that training breaks off: {error}") from error
    right = round(100 * tuned.accuracy, 1)
    furthest = round(100 * max(forgetting.moved_by_layer(net, tuned.net).values()), 1)
    result = f"{right:g}% of the validation digits are right, and {LEAST}% are wanted"
    if right >= LEAST:
        return
    expect(
        furthest < FAR,
        too_large=f"{result}. A layer moved by {furthest:.0f} percent: the steps are so large that "
        "part of the pretraining is lost.",
    )
    expect(
        rate < 1e-5 or steps >= 50,
        too_few=f"{result}. Too few steps: at this rate, {steps:.0f} of them moved the layers by "
        f"at most {furthest:g} percent, and the loss is still {tuned.history.loss[-1]:.1f}.",
    )
    expect(
        furthest > 3,
        too_small=f"{result}. Too small a rate: after {steps:.0f} steps the layers moved by at "
        f"most {furthest:g} percent, and the loss is still {tuned.history.loss[-1]:.1f}.",
    )
    raise Wrong(
        others=f"{result}. The layers moved by at most {furthest:g} percent; try another number of "
        "steps."
    )


rate = Exercise(
    "04.rate",
    rate_given,
    _check_rate,
    (
        "The message says how far the layers moved. How far did they move in this notebook, where "
        "Option 2 worked?",
        "Ten times smaller is still large. The cell at the top of this notebook has a rate that "
        "works.",
        "Anything from 0.00003 to 0.0003 works with a hundred steps.",
    ),
    "A range of rates works, and outside it Option 2 gets worse without an error: too large, and "
    "part of the pretraining is lost; too small, and the network hardly learns. Try rates in "
    "steps of ten first, on validation pictures and not on the test.",
    seconds=4,
)


# ---------------------------------------------------------------------------- how far


def moved(before, after):
    """How far the weights of layers 1 to 4 moved, as shares: {"layer1": 0.02, "layer2": …}."""
    ...


def _check_moved(moved) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        before = FiveLayerNet(3)
        after = copy.deepcopy(before)
        with torch.no_grad():
            after.output.weight.add_(1)
            after.layer1.weight.mul_(1.02)
            after.layer2.weight[:5].add_(0.3 * torch.randn(5, 32, 3, 3))
            after.layer4.weight.mul_(2)  # layer 3 is unchanged
            for layer in LAYERS:
                getattr(after, layer).bias.add_(0.2)
    changed = (
        "Your function changes one of the networks. `after - before` makes a new tensor; `-=` and "
        "`sub_` do not."
    )
    shares = called(moved, before, after, changed=changed)
    expect(
        isinstance(shares, dict),
        dictionary='Return a dictionary with a share for each layer: {"layer1": …, "layer2": …, '
        "…}.",
    )
    expect(
        not any(str(name).startswith("output") for name in shares),
        output="The output layer is in it. It is new, so it has no pretrained weights to move away "
        "from: only layers 1 to 4.",
    )
    expect(
        set(shares) == set(LAYERS),
        keys=f"The keys must be {', '.join(LAYERS)}; yours are {', '.join(map(str, shares))}.",
    )
    answer = {}
    for layer, share in shares.items():
        try:
            answer[layer] = float(share.detach() if isinstance(share, torch.Tensor) else share)
        except (TypeError, ValueError, RuntimeError):
            raise Wrong(
                number=f"For {layer} there must be one number, not {type(share).__name__}."
            ) from None
    parts = {layer: (getattr(before, layer), getattr(after, layer)) for layer in LAYERS}
    pairs = {
        layer: (first.weight.detach(), second.weight.detach())
        for layer, (first, second) in parts.items()
    }

    def is_like(measure, of=pairs) -> bool:
        return all(
            math.isclose(answer[layer], float(measure(*pair)), rel_tol=1e-3, abs_tol=1e-5)
            for layer, pair in of.items()
        )

    def right(w: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        return (v - w).norm() / w.norm()

    def whole(net) -> torch.Tensor:
        return torch.cat([net.weight.detach().flatten(), net.bias.detach()])

    if is_like(right):
        return
    lengths = (lambda w, v: v.norm() / w.norm() - 1, lambda w, v: abs(v.norm() / w.norm() - 1))
    signed = (
        lambda w, v: (v - w).mean() / w.mean(),
        lambda w, v: ((v - w) / w).mean(),
        lambda w, v: (v - w).mean(),
        lambda w, v: (v - w).sum() / w.sum(),
        lambda w, v: abs((v - w).mean() / w.mean()),
    )
    absolute = (
        lambda w, v: (v - w).abs().mean() / w.abs().mean(),
        lambda w, v: ((v - w) / w).abs().mean(),
    )
    mistakes = {
        ("percent", lambda w, v: 100 * right(w, v)): "These are percentages. A share of the length "
        "is a hundredth of them.",
        ("length", lambda w, v: (v - w).norm()): "This is the length of the change itself. A large "
        "layer has longer weights, so divide by the length that they had.",
        ("after", lambda w, v: right(v, w)): "Layer 4 was doubled here, and yours says that it "
        "moved by a half: compare with the length before, not after.",
        ("squares", lambda w, v: right(w, v) ** 2): "These are squares of the shares: a length is "
        "the *root* of the sum of squares.",
        ("lengths", *lengths): "Yours compares two lengths. Weights can turn without getting "
        "longer: take the length of the difference.",
        ("signs", *signed): "A mean of changes with their signs: some weights grow and others "
        "shrink, and that cancels out. A length counts both.",
        ("absolute", *absolute): "A mean of absolute changes is not the length of the change: that "
        "is the root of the sum of squares (`norm`).",
    }
    expect_unlike(is_like, mistakes)
    expect(
        not is_like(
            right,
            {layer: (whole(first), whole(second)) for layer, (first, second) in parts.items()},
        ),
        biases="The biases are in it. The task asks only for the weights, as in the figure.",
    )
    expected = ", ".join(f"{right(w, v):.2f}" for w, v in pairs.values())
    got = ", ".join(f"{answer[layer]:.2f}" for layer in LAYERS)
    raise Wrong(value=f"For a pair of networks whose layers moved by {expected}, yours says {got}.")


how_far = Exercise(
    "04.how_far",
    moved,
    _check_moved,
    (
        "The length of a tensor of weights is the root of the sum of their squares: `norm()`.",
        '`getattr(net, "layer1").weight` is the weight of a layer by its name. You need the '
        "length of a difference, and the length that it is compared with.",
        "For each layer: `((new - old).norm() / old.norm()).item()`.",
    ),
    "One number per layer says whether fine-tuning adjusted it or rebuilt it. It is the first "
    "thing to look at when a fine-tuned network disappoints.",
)


# ---------------------------------------------------------------------------- two tasks


def scores_of_both(net, digits_output, x):
    """Scores of the pictures `x` for the 1,000 drawings, and for the ten digits."""
    drawings = net(x)
    net.output = digits_output
    digits = net(x)
    return drawings, digits


def _check_both_tasks(scores_of_both) -> None:
    net, digits_output, x = FiveLayerNet(7), nn.Linear(1024, 10), torch.randn(6, 3, 32, 32)
    nn.init.normal_(net.output.weight)
    with torch.no_grad():
        features = net.features(x)
        expected = net.output(features), digits_output(features)
    before, before_digits, seen = copy.deepcopy(net), copy.deepcopy(digits_output), []
    watching = net.layer1.register_forward_hook(lambda _, given, __: seen.append(len(given[0])))
    given_back = returned(scores_of_both(net, digits_output, x))
    watching.remove()
    expect(
        has_length(given_back, 2),
        two="Return two tensors: the scores for the drawings, and those for the digits.",
    )
    expect(
        net.output.out_features == 7 and same(before, net),
        network="After your function the network has another output layer than before, so the next "
        "call no longer gives the drawings. Leave the network as it is.",
    )
    expect(
        same(before_digits, digits_output),
        digits_output="The output layer of the digits changed.",
    )
    shapes = [tuple(scores.shape) for scores in given_back]
    expect(
        shapes != [(6, 10), (6, 7)],
        order="The order is swapped: the drawings come first, then the digits.",
    )
    expect(
        shapes == [(6, 7), (6, 10)],
        shapes=f"For six pictures the scores have the shapes {shapes[0]} and {shapes[1]}. Return a "
        "score for each picture and each class; which class wins comes later.",
    )
    for name, mine, right in zip(("drawings", "digits"), given_back, expected, strict=True):
        expect(
            torch.allclose(mine.detach(), right, rtol=1e-3, atol=1e-4),
            scores=f"The scores of the {name} are not those that the output layer of the {name} "
            "gives for the features of these pictures.",
        )
    expect(
        sum(seen) == len(x),
        twice=f"The answers are right, but layer 1 saw {sum(seen)} pictures, and there are "
        f"{len(x)}. Both output layers can use the same features.",
    )


both_tasks = Exercise(
    "04.both_tasks",
    scores_of_both,
    _check_both_tasks,
    (
        "Call the given function twice with the same network. What is `net.output` the second "
        "time?",
        "Both output layers take the same 1,024 features: `net.features(x)`.",
        "`features = net.features(x)`; then `net.output(features)` and `digits_output(features)`.",
    ),
    "One pass through the four layers serves two tasks, or twenty, as long as the layers are "
    "frozen. That is the practical reason to prefer Option 1 where the old task still matters.",
)
