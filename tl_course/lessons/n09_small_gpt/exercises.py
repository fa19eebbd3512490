"""The exercises of notebook 09: bits per character, Option 1 in a GPT, temperature, counting."""

import copy
import math

import torch
import torch.nn.functional as F
from torch import nn

from tl_course.lessons.exercises import (
    Exercise,
    Wrong,
    called,
    differing,
    expect,
    expect_unlike,
    returned,
    same,
)
from tl_course.lessons.n09_small_gpt import gpt

# ---------------------------------------------------------------------------- bits per character


def bits_per_character(logits, characters):
    """Bits per character that a network needs for a text, a number.

    `characters` are the symbol numbers of the text, `[n]`. Row i of `logits`, `[n, 96]`, are the
    scores (before softmax) that the network gives after it has read character i.
    """
    ...


def _number(answer: object) -> float:
    returned(answer)
    try:
        return float(answer)
    except (TypeError, ValueError, RuntimeError):
        raise Wrong(
            number="Your function must return one number; yours has a number for each character."
        ) from None


def _check_bits(bits_per_character) -> None:
    n = 40
    logits, text = 2 * torch.randn(n, 96), torch.randint(96, (n,))
    logits[:-1].scatter_add_(1, text[1:, None], 6 * torch.rand(n - 1, 1))  # often right
    logits.scatter_add_(1, text[:, None], -2 * torch.rand(n, 1))
    answer = _number(bits_per_character(logits.clone(), text.clone()))
    nats = F.cross_entropy(logits[:-1], text[1:]).item()
    right = nats / math.log(2)
    chances = logits[:-1].softmax(1)
    given = chances.gather(1, text[1:, None])
    likeliest = (chances.argmax(1) == text[1:]).float().mean().item()
    read = F.cross_entropy(logits, text).item() / math.log(2)
    shifted = F.cross_entropy(logits[1:], text[:-1]).item() / math.log(2)
    mistakes = {
        ("negative", -right): "It comes out negative: the logarithm of a probability is below 0, "
        "so its sign has to be turned.",
        ("nats", nats): "These are nats, not bits: the logarithm is the natural one. Bits count in "
        "powers of two.",
        ("sum", right * (n - 1)): "This is the sum over all characters. A longer text would seem "
        "worse: take the mean.",
        ("first", right * (n - 1) / n): f"You divide by {n}. There are {n} characters, but nothing "
        f"comes after the last and nothing predicts the first: {n - 1} were predicted.",
        ("perplexity", 2**right): "This is 2 to the power of the bits (it is called perplexity).",
        ("mean", -math.log2(given.mean().item())): "You take the logarithm of the mean "
        "probability. The mean of the logarithms is wanted: one character that was thought "
        "impossible costs a lot.",
        ("likeliest", likeliest): "This is how often the likeliest character came. How sure the "
        "network was does not go into that.",
        ("read", read): "You compare row i with character i, which the network had just read. Row "
        "i says what comes after it.",
        ("shifted", shifted): "You compare row i + 1 with character i: shifted the wrong way. Row "
        "i says what comes after character i.",
        ("entropy", -(chances * chances.log2()).sum(1).mean().item()): "The character that came "
        "does not go into it: this is how unsure the network was, no matter which one came.",
    }
    expect_unlike(lambda other: abs(answer - other) <= 1e-3 * abs(other), mistakes)
    expect(
        abs(answer - right) < 2e-3 * right,
        value=f"On a made-up text it gives {answer:.3f}, and {right:.3f} bits are right. Which "
        "probability did each character have that came?",
    )
    knowing_nothing = _number(bits_per_character(torch.zeros(n, 96), text))
    expect(
        abs(knowing_nothing - math.log2(96)) < 1e-3,
        equal_scores="A network that gives all 96 characters the same score needs log₂ 96 = 6.58 "
        f"bits; yours says {knowing_nothing:.2f}.",
    )


bits = Exercise(
    "09.bits",
    bits_per_character,
    _check_bits,
    (
        "Which row predicts which character? Row 0 comes after character 0, and predicts "
        "character 1; the last row predicts something that is not there.",
        "`F.cross_entropy(logits[:-1], characters[1:])` is the mean of −ln of the probabilities "
        "of what came.",
        "ln is to log₂ as `math.log(2)` is to 1: divide by it.",
    ),
    "The loss that a language model is trained with is this number in nats. In bits it can be "
    "compared with any other way to predict or to compress a text, with counting, too.",
)


# ---------------------------------------------------------------------------- Option 1 in a GPT


def only_output(net):
    """A copy of `net` in which training moves only the output layer."""
    copied = copy.deepcopy(net)
    copied.requires_grad_(False)
    copied.output.weight.requires_grad = True
    return copied


def _moved(net: nn.Module, text: torch.Tensor) -> set[str]:
    """The names of the parameters and buffers that one training step changes."""
    before = copy.deepcopy(net)
    trained = [parameter for parameter in net.parameters() if parameter.requires_grad]
    F.cross_entropy(net(text[:, :-1]).flatten(0, 1), text[:, 1:].flatten()).backward()
    torch.optim.SGD(trained, lr=0.5).step()
    return differing(before, net)


def _check_tied(only_output) -> None:
    net = gpt.fresh_gpt(0, width=16, blocks=1, heads=2, context=16)
    text = torch.randint(96, (4, 12))
    before = copy.deepcopy(net)
    scores = net(text).detach()
    answer = only_output(net)
    expect(isinstance(answer, nn.Module), network="Your function must return the network.")
    expect(
        answer is not net
        and net.output.weight is net.symbol.weight
        and all(parameter.requires_grad for parameter in net.parameters())
        and same(before, net),
        changed="The network that you were given has changed. Work on the copy.",
    )
    expect(
        torch.allclose(answer(text), scores, atol=1e-5),
        pretrained="Before any training the copy already gives other scores: its output layer has "
        "to start from the pretrained weights.",
    )
    expect(
        any(parameter.requires_grad for parameter in answer.parameters()),
        nothing_moves="Now nothing can be trained. PyTorch names a shared parameter once, and here "
        "its name is `symbol.weight`; or was it frozen after the output layer was set to be "
        "trained?",
    )
    expect(
        answer.output.weight.requires_grad,
        output_frozen="The output layer is frozen, and something else is not.",
    )
    is_tied = answer.output.weight is answer.symbol.weight
    shared = answer.output.weight.data_ptr() == answer.symbol.weight.data_ptr()
    moved = _moved(answer, text)
    expect(
        not is_tied,
        tied="After one step of training the embedding has changed as well: `output.weight` and "
        "`symbol.weight` are one and the same parameter. Give the output layer its own.",
    )
    expect(
        not shared,
        memory="The embedding still changes with it: you made a new parameter, but it uses the "
        "same numbers in memory. Copy the numbers too.",
    )
    other_names = sorted(name for name in moved if not name.startswith("output."))
    expect(
        not other_names,
        others=f"After one step of training {', '.join(other_names)} changed as well.",
    )
    expect(
        "output.weight" in moved,
        output="After one step of training the output layer has not changed.",
    )


tied = Exercise(
    "09.tied",
    only_output,
    _check_tied,
    (
        "Print `net.output.weight is net.symbol.weight`.",
        "The output layer of the copy needs an `nn.Parameter` of its own that begins with the "
        "same numbers.",
        "`copied.output.weight = nn.Parameter(net.symbol.weight.detach().clone())`, before the "
        "freezing. Without `clone` both use the same numbers in memory.",
    ),
    "Tied weights are common: GPT-2 and BERT have them too. Whenever you freeze or replace one of "
    "two layers that share a parameter, ask what happens to the other, and check it after a step.",
)


# ---------------------------------------------------------------------------- temperature


def with_temperature(logits, temperature):
    """Probabilities of the next character, from scores `[96]` and a temperature above 0."""
    ...


def _check_temperature(with_temperature) -> None:
    logits = 3 * torch.randn(96)
    answer = {}
    for temperature in (1.0, 0.5, 2.0):
        changed = (
            "Your function changes the scores that it is given (`/=` does that). The next "
            "character would be drawn from other scores."
        )
        chances = called(with_temperature, logits, temperature, changed=changed)
        chances = torch.as_tensor(chances, dtype=torch.float32).detach()
        expect(
            chances.shape == logits.shape,
            shape="There are 96 scores, and your probabilities have the shape "
            f"{list(chances.shape)}.",
        )
        answer[temperature] = chances
    right = {temperature: (logits / temperature).softmax(0) for temperature in answer}
    total = {temperature: chances.sum().item() for temperature, chances in answer.items()}
    expect(
        all(abs(share - 1) < 1e-3 for share in total.values()),
        total=f"At temperature 2 your probabilities add up to {total[2.0]:.2f}, and not to 1.",
    )
    expect(
        not torch.allclose(answer[0.5], answer[2.0], atol=1e-4),
        no_difference="The temperature makes no difference: divided by a number after softmax and "
        "brought back to a sum of 1, probabilities are what they were. Divide the scores.",
    )
    expect(
        not torch.allclose(answer[2.0], right[0.5], atol=1e-3),
        inverted="It is the wrong way round: at temperature 2 yours keeps to what is likely, and "
        "at 0.5 it takes risks.",
    )
    for temperature, chances in answer.items():
        expect(
            torch.allclose(chances, right[temperature], atol=1e-3),
            value=f"At temperature {temperature:g} the likeliest character gets "
            f"{chances.max():.3f} from you; it should get {right[temperature].max():.3f}. Is it "
            "softmax of the scores, divided by the temperature?",
        )
    cold = torch.as_tensor(with_temperature(20 * logits, 0.001)).float()
    expect(
        bool(cold.isfinite().all()),
        nan="At temperature 0.001 your probabilities are `nan`: e to the power of some thousands "
        "is more than a float holds. `softmax` subtracts the largest score first.",
    )
    expect(
        cold.argmax() == logits.argmax() and cold.max() > 0.99,
        cold="At temperature 0.001 nearly all of the probability belongs to the likeliest "
        "character.",
    )


temperature = Exercise(
    "09.temperature",
    with_temperature,
    _check_temperature,
    (
        "What does a small temperature have to do to the differences between scores?",
        "The temperature divides the scores, before softmax.",
        "`(logits / temperature).softmax(0)`. If you write softmax yourself, subtract the maximum "
        "from all scores before `exp`.",
    ),
    "Temperature changes neither the weights nor the order of the characters. It only decides how "
    "often the unlikely ones are taken. Chat systems have the same knob.",
)


# ---------------------------------------------------------------------------- counting


def bigram(characters, kinds=96):
    """Probabilities `[kinds, kinds]`: in row i, how likely each character is after character i.

    `characters` are the symbol numbers of a text, int64 `[n]`. Every pair counts once more than
    it was seen, so that nothing is impossible.
    """
    ...


def _check_counting(bigram) -> None:
    kinds, pattern = 7, [0, 1, 0, 1, 0, 2, 0, 1, 3, 3, 4, 0, 1, 0, 2, 5]
    text = torch.tensor(pattern)
    answer = returned(bigram(text.clone(), kinds))
    answer = torch.as_tensor(answer, dtype=torch.float64).detach()
    expect(
        answer.shape == (kinds, kinds),
        shape=f"With {kinds} kinds of characters your table has the shape {list(answer.shape)}; it "
        f"should be {kinds} rows of {kinds}.",
    )
    expect(
        bool(answer.isfinite().all()),
        nan="There are `nan` in your table, in the row of a character that nothing was seen to "
        "follow: 0 divided by 0.",
    )
    seen = torch.zeros(kinds, kinds, dtype=torch.float64)
    for letter, next_letter in zip(pattern, pattern[1:], strict=False):
        seen[letter, next_letter] += 1

    def shares(counts: torch.Tensor) -> torch.Tensor:
        return (counts + 1) / (counts + 1).sum(1, keepdim=True)

    def near(next_letter: torch.Tensor) -> bool:
        return torch.allclose(answer, next_letter, atol=1e-4)

    expect(
        not near((seen + 1) / (seen + 1).sum()),
        all="All of your table adds up to 1; each row should, because something comes after each "
        "character.",
    )
    expect(
        bool((answer > 0).all()),
        zero="Some probability is 0. A pair that was never seen would cost infinitely many bits "
        "when it comes: count every pair once more than it was seen.",
    )
    columns = torch.allclose(answer.sum(0), torch.ones(kinds, dtype=torch.float64), atol=1e-4)
    rows = torch.allclose(answer.sum(1), torch.ones(kinds, dtype=torch.float64), atol=1e-4)
    expect(
        not near(shares(seen.T)) and (rows or not columns),
        exchanged="Rows and columns are exchanged: the row is the character that comes first.",
    )
    expect(rows, rows="Each row has to add up to 1, after what you add to the counts.")
    around = seen.clone()
    around[pattern[-1], pattern[0]] += 1
    mistakes = {
        ("once", shares(seen.clamp_max(1))): "Character 1 came four times after character 0, and "
        "you counted it once: with `counts[first, second] += 1` a pair that is in the lists twice "
        "is still added once.",
        ("circle", shares(around)): "You count as if the text began again after its end: the last "
        "character has no next one.",
    }
    expect_unlike(near, mistakes)
    seen_after_1 = (answer[0, 1] - answer[0, 6]) / (answer[0, 2] - answer[0, 6]).clamp_min(1e-9)
    expect(
        abs(seen_after_1 - 2) < 0.02 and torch.allclose(answer[6], answer[6].mean(), atol=1e-4),
        neighbours="After character 0, character 1 was seen four times and character 2 twice; "
        f"yours have the probabilities {answer[0, 1]:.3f} and {answer[0, 2]:.3f}. Do pairs of "
        "neighbours go into the counts, each once?",
    )


counting = Exercise(
    "09.counting",
    bigram,
    _check_counting,
    (
        "The pairs are `characters[:-1]` and `characters[1:]`.",
        "Begin with `torch.ones(kinds, kinds)` and add 1 for each pair, in a loop.",
        "At the end divide each row by its sum: `counts / counts.sum(1, keepdim=True)`.",
    ),
    "Two characters of memory and one pass through the text: this was the language model before "
    "networks. A network that does not beat it has learnt nothing that counting could not.",
)
