"""The exercises of notebook 01: a filter by hand, gradient descent, a faulty loop, guessing."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from tl_course.lessons.exercises import Exercise, Wrong, expect, expect_unlike, returned

# ---------------------------------------------------------------------------- a filter by hand


def my_filter():
    """A filter `[7, 7]` for edges from left to right; vertical ones and uniform areas give 0."""
    ...


def _kernel(answer: object) -> torch.Tensor:
    """The filter as float64 `[7, 7]` for grey pictures. Raises Wrong if it has another shape."""
    asked = "It must be 7 rows of 7 numbers."
    try:
        kernel = torch.as_tensor(answer, dtype=torch.float64).detach()
    except (TypeError, ValueError) as error:
        raise Wrong(
            filter=f"Your function returns something that is not a filter. {asked}"
        ) from error
    shape, kernel = list(kernel.shape), kernel.squeeze()
    kernel = kernel.sum(0) if kernel.ndim == 3 and len(kernel) == 3 else kernel  # over the colours
    expect(list(kernel.shape) == [7, 7], shape=f"Your filter has the shape {shape}. {asked}")
    return kernel


def _strongest(kernel: torch.Tensor, picture: torch.Tensor) -> float:
    return F.conv2d(picture[None, None], kernel[None, None]).abs().max().item()


def _answers_to_lines(kernel: torch.Tensor) -> bool:
    """Whether it detects lines: edges of both signs, a few rows apart, excite it about equally."""
    edges = [kernel[row:].sum() - kernel[:row].sum() for row in range(1, 7)]
    positive, negative = max(edges), -min(edges)
    return bool(min(positive, negative) > 0.6 * max(positive, negative))


def _check_horizontal(my_filter) -> None:
    kernel = _kernel(returned(my_filter()))
    most = kernel.abs().sum().item()
    expect(most > 0, zeros="All its numbers are zero, so it responds to nothing at all.")
    total = kernel.sum().item()
    missing = "positive" if total < 0 else "negative"
    expect(
        kernel.min() < 0 < kernel.max(),
        one_sign=f"It has no {missing} numbers, so it responds to every plain bright area. On a "
        "uniform area its numbers have to cancel out.",
    )
    expect(
        abs(total) < 0.05 * most,
        total=f"Its positive and negative numbers do not cancel out: they add up to {total:+.3g}, "
        "and that times the brightness is its answer to a uniform area.",
    )
    place = torch.arange(20, dtype=torch.float64)
    step = torch.where(place < 10, -1.0, 1.0).expand(20, 20).double()
    slanted = torch.where(place + place[:, None] < 19, -1.0, 1.0).double()
    upright, level = _strongest(kernel, step), _strongest(kernel, step.T)
    slope = max(_strongest(kernel, x) for x in (slanted, slanted.flip(0)))
    expect(
        max(upright, level) > 0.02 * most,
        neither="It responds neither to edges from left to right nor to vertical ones: the numbers "
        "of every row cancel, and so do those of every column. Within a row, all should have the "
        "same sign.",
    )
    expect(
        upright < 3 * level,
        turned="It is turned by a right angle: it responds to edges that run up and down. Which "
        "way does brightness change across an edge that runs from left to right?",
    )
    expect(
        upright < 0.25 * level or slope < 1.1 * max(level, upright),
        slanted="It responds most strongly to slanted edges. For an edge from left to right, all "
        "the numbers of a row should have the same sign.",
    )
    expect(
        upright < 0.25 * level,
        upright_too=f"It responds to edges from left to right ({level:.1f}) and to vertical ones "
        f"as well ({upright:.1f}). What do its columns add up to?",
    )
    expect(
        level > 0.2 * most,
        stripes=f"It hardly responds to an edge from left to right ({level:.1f}, and {most:.1f} "
        "would be possible): the numbers above the edge, or those below it, partly cancel "
        "each other.",
    )
    expect(
        not _answers_to_lines(kernel),
        line="This is a filter for thin lines: from top to bottom its numbers change sign more "
        "than once. An edge has one dark and one bright side, so the sign should change once.",
    )


horizontal = Exercise(
    "01.horizontal",
    my_filter,
    _check_horizontal,
    (
        "Across an edge that runs from left to right, the brightness changes from top to bottom.",
        "Dark above and bright below gives a strong answer if the numbers above are negative and "
        "those below positive. What must all 49 add up to, so that uniform areas give none?",
        "Start with `torch.zeros(7, 7)`, set the three rows above the middle to -1 and the three "
        "below it to 1.",
    ),
    "49 numbers decide what a filter responds to. Training finds such numbers for 32 filters "
    "without being told what an edge is.",
)


# ---------------------------------------------------------------------------- gradient descent


def descended(w, gradient, rate=0.1, steps=100):
    """`w` after `steps` steps of gradient descent; `gradient(w)` is the gradient at `w`."""
    ...


class _Bowl:
    """A loss with one minimum; it counts the calls of its gradient."""

    steepness, lowest = torch.tensor([1.0, 4.0]), torch.tensor([2.0, -1.0])

    def __init__(self, deep: float = 1.0):
        self.deep, self.asked = deep, 0

    def loss(self, w: torch.Tensor) -> float:
        return (self.deep * self.steepness * (w - self.lowest) ** 2).sum().item()

    def gradient(self, w: torch.Tensor) -> torch.Tensor:
        self.asked += 1
        return 2 * self.deep * self.steepness * (w.detach() - self.lowest)


def _check_downhill(descended) -> None:
    def after(rate: float, steps: int, deep: float = 1.0) -> tuple[torch.Tensor, _Bowl]:
        bowl, w = _Bowl(deep), torch.zeros(2)
        place = returned(descended(w, bowl.gradient, rate, steps))
        expect(
            torch.equal(w, torch.zeros(2)),
            changed="The numbers that your function was given have changed, and whatever called it "
            "has lost them. `w -= …` changes a tensor in place; make a new one.",
        )
        return torch.as_tensor(place, dtype=torch.float32).detach(), bowl

    def on_the_way(steps: int, rate: float = 0.1) -> torch.Tensor:
        w = torch.zeros(2)
        for _ in range(steps):
            w = w - rate * _Bowl().gradient(w)
        return w

    (one_step, _), (three_steps, bowl) = after(0.1, 1), after(0.1, 3)
    taken = bowl.asked

    def same(a: torch.Tensor, b: torch.Tensor) -> bool:
        return torch.allclose(a, b, atol=1e-4)

    expect(
        taken in (1, 3)
        or not same(three_steps, on_the_way(taken))
        or same(three_steps, on_the_way(3)),
        count=f"Asked for 3 steps, you take {taken}. How often does your loop run?",
    )
    expect(
        not same(after(0.05, 1)[0], one_step),
        rate="The learning rate makes no difference: with half the rate your steps are just as "
        "long.",
    )
    expect(
        not same(after(0.1, 1, deep=2)[0], one_step),
        slope="Where the slope is twice as steep your step is as long as before. Its length comes "
        "from the gradient, too.",
    )
    expect(not same(one_step, three_steps), one_step="Three steps lead no further than one.")
    expect(
        bowl.asked > 1,
        asked_once="The gradient was asked for once in three steps. It changes along the way: ask "
        "again at each new place.",
    )
    begun, now = bowl.loss(torch.zeros(2)), bowl.loss(one_step)
    expect(
        now < begun,
        uphill=f"The loss has grown in one step, from {begun:.1f} to {now:.1f}. The gradient "
        "points uphill.",
    )

    def rounded(w: torch.Tensor) -> list[float]:
        return [round(x, 3) for x in w.tolist()]

    expect(
        same(one_step, on_the_way(1)),
        length=f"Where the gradient is {_Bowl().gradient(torch.zeros(2)).tolist()} and the rate is "
        f"0.1, one step should change the numbers by {rounded(on_the_way(1))}; yours changes them "
        f"by {rounded(one_step)}.",
    )
    expect(
        not same(three_steps, on_the_way(3, rate=0.1 / 3)),
        shared_out="The more steps you are asked for, the shorter each of them is. `rate` belongs "
        "to every single step; it is not shared out among them.",
    )
    expect(
        same(three_steps, on_the_way(3)),
        later_steps="One step alone is right. Three steps should lead to "
        f"{rounded(on_the_way(3))}, and yours lead to {rounded(three_steps)}: what is different in "
        "the second step?",
    )


downhill = Exercise(
    "01.downhill",
    descended,
    _check_downhill,
    (
        "One step is one line, and a loop repeats it.",
        "The gradient says which way the loss grows fastest. You want the other way, by `rate` "
        "times the gradient.",
        "In the loop: `w = w - rate * gradient(w)`. After it: `return w`.",
    ),
    "This is what `optimizer.step()` does with every number of a network. The optimizers that the "
    "course uses also remember earlier gradients, but the idea is the same.",
)


# ---------------------------------------------------------------------------- find the fault


def trained(net, x, y, steps=100):
    """`net` after `steps` steps of training on the inputs x with the answers y."""
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for _ in range(steps):
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
    return net


class _Gradients:
    """Records each new gradient of a network and its copies, and what `grad` then holds."""

    def __init__(self, net: nn.Module):
        self.new, self.lying, self._seen = {}, {}, set()
        net.register_forward_pre_hook(self._look)

    def _look(self, net: nn.Module, _inputs) -> None:
        for name, parameter in net.named_parameters():
            if id(parameter) not in self._seen:
                self._seen.add(id(parameter))
                self._watch(name, parameter)

    def _watch(self, name: str, parameter: nn.Parameter) -> None:
        new, lying = self.new.setdefault(name, []), self.lying.setdefault(name, [])
        parameter.register_hook(lambda gradient: new.append(gradient.clone()))
        parameter.register_post_accumulate_grad_hook(lambda p: lying.append(p.grad.clone()))

    def piled_up(self) -> list[str]:
        """The names of the parameters whose `grad` still holds earlier gradients."""
        return [
            name
            for name, lying in self.lying.items()
            if not all(map(torch.allclose, lying, self.new[name]))
        ]


def _check_adding_up(trained) -> None:
    net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    x = torch.randn(60, 4)
    y, before = x[:, :3].argmax(1), [p.detach().clone() for p in net.parameters()]
    begun = F.cross_entropy(net(x), y).item()
    watching = _Gradients(net)
    after = trained(net, x, y, steps=20)
    expect(isinstance(after, nn.Module), network="Your function must return the network.")
    taken = max(map(len, watching.lying.values()), default=0)
    if all(map(torch.equal, before, after.parameters())):
        expect(
            not taken,
            emptied="No weight has moved. The gradients are cleared after `backward()` has "
            "computed them and before the optimizer uses them.",
        )
        raise Wrong(no_gradient="No weight has moved: no gradient was computed.")
    piled = watching.piled_up()
    expect(
        not piled or len(piled) == len(before) or not taken,
        partly=f"In {', '.join(piled)} the gradients still pile up; you cleared only some of them. "
        "The optimizer knows all parameters.",
    )
    expect(
        not piled,
        adding_up="Each `backward()` still adds its gradient to those of the steps before it. What "
        "has to happen to the old ones, in every step?",
    )
    expect(
        taken in (0, 20),
        steps=f"Asked for 20 steps, it takes {taken}. Look at what is inside the loop and what is "
        "not.",
    )
    with torch.no_grad():
        loss = F.cross_entropy(after(x), y).item()
    expect(
        loss < begun,
        loss=f"The loss was {begun:.2f} before the training and is {loss:.2f} after it. Everything "
        "but the missing line was right.",
    )


adding_up = Exercise(
    "01.adding_up",
    trained,
    _check_adding_up,
    (
        "Print `net.weight.grad` (or that of any layer) in the loop, for two steps.",
        "`backward()` does not replace what is in `.grad`: it adds to it.",
        "`optimizer.zero_grad()` clears them. It belongs in the loop, before `backward()`.",
    ),
    "Without it each step is taken with the sum of all gradients so far, so the loss swings up "
    "and down. No error is raised: you only see a bad curve.",
)


# ---------------------------------------------------------------------------- guessing


def guessing_loss(classes):
    """The cross-entropy of someone who finds all of `classes` classes equally likely."""
    ...


def _check_guessing(guessing_loss) -> None:
    losses = {classes: guessing_loss(classes) for classes in (2, 10, 1000)}
    returned(losses[10])
    losses = {classes: float(loss) for classes, loss in losses.items()}

    def are(function) -> bool:
        return all(abs(loss - function(n)) < 1e-3 * abs(function(n)) for n, loss in losses.items())

    expect(
        losses[2] != losses[1000],
        constant=f"It is {losses[2]:.3g} for 2 classes and for 1,000. Guessing among more is "
        "harder.",
    )
    mistakes = {
        ("probability", lambda n: 1 / n): "That is the probability that a guess is right. The loss "
        "is computed from the probability of the right answer; it is not that probability.",
        ("share", lambda n: 1 - 1 / n): "That is the share of guesses that are wrong. "
        "Cross-entropy does not count mistakes.",
        ("sign", lambda n: -math.log(n)): "The logarithm of a probability is negative, and a loss "
        "that is to be lowered cannot start below zero. Look at the sign.",
        ("base", math.log2, math.log10): "The idea is right, the logarithm is not: "
        "`F.cross_entropy` uses the natural one.",
    }
    expect_unlike(are, mistakes)
    expect(
        are(math.log),
        value=f"For 10 classes you get {losses[10]:.3g}. Compare with "
        "`F.cross_entropy(torch.zeros(1, 10), torch.tensor([0]))`: ten equal scores.",
    )


guessing = Exercise(
    "01.guessing",
    guessing_loss,
    _check_guessing,
    (
        "Cross-entropy is minus the logarithm of the probability that was given to the right "
        "answer.",
        "Someone who guesses gives the right answer the probability 1 / classes.",
        "The natural logarithm of a tensor is `.log()`: `-torch.tensor(1 / classes).log()`. As a "
        "plain number the same is `math.log(classes)`, after `import math`.",
    ),
    "For 1,000 classes it is 6.9, the dotted line above. If the loss of your own network starts "
    "far above that of guessing, or never leaves it, look for a mistake before you train longer.",
)
