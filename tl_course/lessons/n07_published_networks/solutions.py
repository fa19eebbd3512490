"""Worked solutions of notebook 07's exercises, each with its reason."""

import json

import numpy as np
import safetensors.torch
import torch
from PIL import Image


def prepared(photographs, mean, std):
    """Photographs as a published network takes them: float `[n, 3, height, width]`."""
    x = photographs.permute(0, 3, 1, 2).float() / 255
    mean, std = torch.tensor(mean), torch.tensor(std)
    return (x - mean[:, None, None]) / std[:, None, None]


def best_cut(table):
    """(cut, percent): the cut to use, and the percentage of test pictures that it gets right."""
    means = table.groupby("cut")[["validation", "test"]].mean()
    chosen = means.validation.idxmax()
    return chosen, 100 * means.test[chosen]


def features_at(net, name, x):
    """The output of the module called `name` for `x`: a row of numbers per input, `[n, k]`."""
    maps = []
    module = net.get_submodule(name)
    handle = module.register_forward_hook(lambda module, given, result: maps.append(result.clone()))
    with torch.no_grad():
        net(x)
    handle.remove()
    return maps[0].flatten(1)


def features_once(net, pictures, batch):
    """The features `[n, k]` of all pictures, in their order; at most `batch` at a time."""
    net.eval()
    with torch.no_grad():
        return torch.cat([net(part) for part in pictures.split(batch)])


def load(folder):
    """The weights {name: tensor} and the picture, uint8 `[height, width, 3]`, of a stranger."""
    try:
        weights = safetensors.torch.load((folder / "weights.safetensors").read_bytes())
    except Exception as error:
        raise ValueError(f"the weights are not a safetensors file: {error}") from None
    n_classes = json.loads((folder / "config.json").read_text())["n_classes"]
    shape = tuple(weights["output.weight"].shape)
    if type(n_classes) is not int or shape != (n_classes, 128):
        raise ValueError(f"n_classes = {n_classes!r} does not fit an output layer of {shape}")
    picture = Image.open(folder / "picture.png", formats=["PNG"])
    if picture.width * picture.height > 1_000_000:
        raise ValueError(f"the picture has {picture.size} pixels")
    return weights, np.array(picture.convert("RGB"))


SOLUTIONS = {
    "inputs": (
        prepared,
        "The axes change places before anything else, so that the three means meet their three "
        "channels. Dividing by 255 brings the pixels to the scale that mean and std belong to.",
    ),
    "choice": (
        best_cut,
        "Validation chooses and the test reports, and both are means over draws. The number is "
        "lower than the best one in the table, and it is the one that will hold for new pictures.",
    ),
    "halfway": (
        features_at,
        "The clone keeps the numbers from a later layer that writes in place. The handle removes "
        "the hook, so that the next use of the network costs nothing more.",
    ),
    "batches": (
        features_once,
        "In eval mode the features of a picture do not depend on which others are in its batch. "
        "`split` keeps the order and the last, smaller batch.",
    ),
    "stranger": (
        load,
        "Each file is looked at before anything is made of it: the format, then the number against "
        "the rows that are really there, then the size of the picture. Anything that does not "
        "fit raises ValueError, so a program that calls this needs to expect nothing else.",
    ),
}
