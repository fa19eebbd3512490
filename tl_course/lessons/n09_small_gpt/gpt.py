"""A small GPT: it reads characters and gives scores for the next one.

It is a decoder-only transformer (arXiv 1706.03762) with normalisation first, as in GPT-2 and GPT-3
(arXiv 2005.14165). It is built like those, with a million parameters where they have up to 175
billion.
"""

import copy
import math
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from tl_course.base.errors import CourseError
from tl_course.core import files

SYMBOLS = "\n" + "".join(map(chr, range(32, 127)))  # the end of a line, and a keyboard's characters
END = 0  # the symbol "\n": a line begins after one and ends with one
FORMAT = "tl_course small GPT 1"
NOT_SCORED = -100  # a label that cross_entropy ignores


def encode(text: str) -> torch.Tensor:
    """Symbol numbers, int64 `[len(text)]`; CourseError for a character that the GPT lacks."""
    strange = sorted(set(text) - set(SYMBOLS))
    if strange:
        raise CourseError(
            "unknown_character",
            f"The small GPT does not know {strange[0]!r}; it reads the letters, digits and signs "
            "of an English keyboard, so write the text with these.",
        )
    codes = torch.tensor(list(text.encode("ascii")), dtype=torch.int64)
    return (codes - 31).clamp_min(0)


def decode(symbols: torch.Tensor | Sequence[int]) -> str:
    """The text of symbol numbers."""
    return "".join(SYMBOLS[int(i)] for i in symbols)


class Block(nn.Module):
    """Look back (attention), then think (two linear layers); each adds to what was there."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.look, self.join = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.widen, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`[batch, length, width]` to the same shape; no place sees one that comes later."""
        parts = self.look(self.norm1(x)).unflatten(2, (3, self.heads, -1))
        query, key, value = parts.permute(2, 0, 3, 1, 4)  # each [batch, heads, length, size]
        seen = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        x = x + self.join(seen.transpose(1, 2).flatten(2))
        return x + self.narrow(F.gelu(self.widen(self.norm2(x))))


class GPT(nn.Module):
    """Symbols `[batch, length ≤ context]` → scores of the next one `[batch, length, 96]`.

    The output layer shares its weights with the first layer, which represents each symbol by
    `width` numbers (tied weights, arXiv 1608.05859). `untie` gives it weights of its own.
    """

    def __init__(self, width: int = 144, blocks: int = 4, heads: int = 3, context: int = 128):
        super().__init__()
        self.architecture = {"width": width, "blocks": blocks, "heads": heads, "context": context}
        self.context = context
        self.symbol, self.place = nn.Embedding(len(SYMBOLS), width), nn.Embedding(context, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(blocks))
        self.norm = nn.LayerNorm(width)
        self.output = nn.Linear(width, len(SYMBOLS), bias=False)
        self.output.weight = self.symbol.weight
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
            elif parameter.ndim == 2:  # what adds to the residual stream starts small, as in GPT-2
                adds = name.endswith(("join.weight", "narrow.weight"))
                nn.init.normal_(parameter, std=0.02 / math.sqrt(2 * blocks) if adds else 0.02)

    def features(self, symbols: torch.Tensor) -> torch.Tensor:
        """The output layer's inputs `[batch, length, width]`; CourseError for too long a text."""
        if symbols.shape[1] > self.context:
            raise CourseError(
                "too_long",
                f"The text has {symbols.shape[1]} characters, and this GPT sees {self.context} at "
                "a time: give it the last ones only.",
            )
        x = self.symbol(symbols) + self.place.weight[: symbols.shape[1]]
        for block in self.blocks:
            x = block(x)
        return self.norm(x)

    def forward(self, symbols: torch.Tensor) -> torch.Tensor:
        """Scores of the next symbol at each place, before softmax."""
        return self.output(self.features(symbols))


def fresh_gpt(seed: int, **architecture: int) -> GPT:
    """A new GPT with random weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return GPT(**architecture)


def untie(net: GPT) -> GPT:
    """A copy whose output layer has its own weights, equal at first; Option 1 needs it."""
    untied = copy.deepcopy(net)
    untied.output.weight = nn.Parameter(net.symbol.weight.detach().clone())
    return untied


@torch.no_grad()
def sample(
    net: GPT, start: str = "\n", length: int = 200, *, temperature: float = 1.0, seed: int = 0,
    stop_at_end: bool = False,
) -> str:  # fmt: skip
    """Text that `net` writes after `start`, one character at a time.

    Each character is drawn with its probability. With a `temperature` below 1 likely ones become
    likelier, and with 0 the likeliest is taken. `stop_at_end` stops at the end of a line. Raises
    CourseError if `temperature` is negative.
    """
    if temperature < 0:
        raise CourseError("temperature", f"The temperature is {temperature}; it must be 0 or more.")
    device = next(net.parameters()).device
    generator = torch.Generator().manual_seed(seed)
    symbols = encode(start or "\n")
    begun = len(symbols)
    net.eval()
    while len(symbols) < begun + length:
        scores = net(symbols[None, -net.context :].to(device))[0, -1].float().cpu()
        if temperature == 0:
            new = scores.argmax(keepdim=True)
        else:
            chances = (scores / temperature).softmax(0)
            new = torch.multinomial(chances, 1, generator=generator)
        if stop_at_end and int(new) == END:
            break
        symbols = torch.cat([symbols, new])
    return decode(symbols[begun:])


def stretches(text: torch.Tensor, batch: int, length: int, seed: int):
    """For the loop: step → random stretches of `text`, and the next character at each place."""

    def batch_at(step: int) -> tuple[torch.Tensor, torch.Tensor]:
        generator = torch.Generator().manual_seed(seed * 1_000_003 + step)
        first = torch.randint(len(text) - length, (batch, 1), generator=generator)
        stretch = text[first + torch.arange(length + 1)].long()
        return stretch[:, :-1], stretch[:, 1:]

    return batch_at


def padded(lines: Sequence[str], before: Sequence[str] | str = "") -> tuple:
    """Lines as inputs and labels, both int64 `[lines, longest]`, each line with its end.

    `before` is the text in front of a line, one for all lines or one for each. It is read but not
    scored. The first symbol is always the end of a line.
    """
    fronts = [before] * len(lines) if isinstance(before, str) else before
    encoded = [encode(f"\n{front}{line}\n") for front, line in zip(fronts, lines, strict=True)]
    x = nn.utils.rnn.pad_sequence([symbols[:-1] for symbols in encoded], batch_first=True)
    y = nn.utils.rnn.pad_sequence(
        [o[1:] for o in encoded], batch_first=True, padding_value=NOT_SCORED
    )
    for row, front in zip(y, fronts, strict=True):
        row[: len(front)] = NOT_SCORED
    return x, y


@torch.no_grad()
def bits(net: nn.Module, x: torch.Tensor, y: torch.Tensor, batch: int = 100) -> float:
    """Bits per character: the mean of −log₂ of the probability that `net` gave to each label."""
    device, total, scored = next(net.parameters()).device, 0.0, 0
    net.eval()
    for inputs, labels in zip(x.split(batch), y.split(batch), strict=True):
        scores = net(inputs.to(device)).flatten(0, 1).float().cpu()
        total += F.cross_entropy(scores, labels.flatten(), reduction="sum").item()
        scored += int((labels != NOT_SCORED).sum())
    return total / scored / math.log(2)


def save_gpt(net: GPT, folder: Path | str, overwrite: bool = False, **about: object) -> Path:
    """Write the weights (float16) and a readable description into `folder`, like `files.save`."""
    files.free_folder(folder, overwrite)
    state = {
        k: v.detach().cpu().half() for k, v in net.state_dict().items() if k != "output.weight"
    }
    kind = {"format": FORMAT, "architecture": net.architecture, "modality": "text"}
    return files.write(folder, state, kind, about)


MOST = {"width": 4096, "blocks": 100, "heads": 100, "context": 100_000}
KIND = {  # what the description of a small GPT must hold (JSON Schema)
    "properties": {
        "format": {
            "enum": [FORMAT],
            "said": "holds another kind of network ({value}), not a small GPT",
        },
        "architecture": {
            "properties": {
                key: {
                    "type": "integer", "minimum": 1, "maximum": most,
                    "said": f"has {key} = {{value}}, and a whole number from 1 to {most:,} fits",
                }
                for key, most in MOST.items()
            },
            "required": [*MOST],
            "additionalProperties": False,
            "said": f"has an architecture that is not made of {', '.join(MOST)}",
        },
    }
}  # fmt: skip


def load_gpt(folder: Path | str) -> GPT:
    """The small GPT saved in `folder`, float32, in evaluation mode; its description is `.about`."""
    content, description = files.opened(folder, KIND)
    path, architecture = Path(folder) / files.WEIGHTS_FILE, description["architecture"]
    if architecture["width"] % architecture["heads"]:
        raise CourseError(
            "heads",
            f"{path} has {architecture['heads']} heads, which cannot share a width of "
            f"{architecture['width']} equally; {files.AGAIN}.",
        )
    net = files.read(
        content, lambda: GPT(**architecture), description["fingerprint"], str(path),
        called="the small GPT", tied=["output.weight"],
    )  # fmt: skip
    net.output.weight = net.symbol.weight
    net.about = description
    return net
