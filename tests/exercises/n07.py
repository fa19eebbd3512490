"""Right and wrong answers to the exercises of notebook 07."""

import json

import numpy as np
import safetensors.torch
import torch
from PIL import Image

from exercises import Answers


def with_torchvision(photographs, mean, std):
    from torchvision.transforms.functional import normalize

    return normalize(torch.einsum("nhwc->nchw", photographs).float().div(255), mean, std)


def in_numpy(photographs, mean, std):
    x = np.moveaxis(photographs.numpy(), 3, 1) / 255.0
    return (x - np.array(mean)[None, :, None, None]) / np.reshape(std, (1, 3, 1, 1))


def channels_last(photographs, mean, std):
    x = (photographs / 255 - torch.tensor(mean)) / torch.tensor(std)
    return x.permute(0, 3, 1, 2).contiguous()


def by_loop(table):
    means = {cut: rows.validation.mean() for cut, rows in table.groupby("cut")}
    cut = max(means, key=means.get)
    return [cut, round(100 * table[table.cut == cut].test.mean(), 1)]


def by_named_modules(net, name, x):
    seen = {}

    def keep(module, given, result):
        seen[name] = result.detach().clone()

    handle = dict(net.named_modules())[name].register_forward_hook(keep)
    try:
        net(x)
    finally:
        handle.remove()
    return seen[name].reshape(len(x), -1)


def with_an_extractor(net, name, x):
    from torchvision.models.feature_extraction import create_feature_extractor

    with torch.inference_mode():
        return create_feature_extractor(net, {name: "it"})(x)["it"].flatten(1).clone()


def with_a_loader(net, pictures, batch):
    parts = []
    net.eval()
    for part in torch.utils.data.DataLoader(pictures, batch_size=batch):
        parts.append(net(part).detach())
    return torch.cat(parts)


def filled_in(net, pictures, batch):
    mode = net.training
    net.train(False)
    out = []
    with torch.inference_mode():
        for start in range(0, len(pictures), batch):
            out += list(net(pictures[start : start + batch]))
    net.train(mode)
    return torch.stack(out)


def header_first(folder):
    weights = {}
    try:
        with safetensors.safe_open(folder / "weights.safetensors", "pt") as file:
            rows, columns = file.get_slice("output.weight").get_shape()
            config = json.loads((folder / "config.json").read_bytes())
            if columns != 128 or config != {"n_classes": rows} or config["n_classes"] is True:
                raise ValueError(f"{config} and {rows} rows")
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except safetensors.SafetensorError as error:
        raise ValueError("not safetensors") from error
    with Image.open(folder / "picture.png", formats=("PNG",)) as picture:
        width, height = picture.size
        if width * height > 10**6:
            raise ValueError("too many pixels")
        return weights, np.asarray(picture.convert("RGB"))


AXES, GIVEN = "permute(0, 3, 1, 2)", "torch.tensor(mean), torch.tensor(std)"
RESHAPED = "reshape(len(photographs), 3, *photographs.shape[1:3])"
IMAGENETS = "torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])"
OF_THESE = "    mean, std = x.mean((0, 2, 3)), x.std((0, 2, 3))\n"
RETURN = "    return"
NOT_SAFE = 'raise ValueError(f"the weights are not a safetensors file: {error}") from None'
UNPICKLED = 'weights = __import__("pickle").loads((folder / "weights.safetensors").read_bytes())'
FULL_ROOM = '    torch.zeros(n_classes, 128)[:] = weights["output.weight"]\n'
LIE = "type(n_classes) is not int or shape != (n_classes, 128)"

CASES = {
    "inputs": Answers(
        right=[with_torchvision, in_numpy, channels_last],
        wrong={
            "both": (AXES, RESHAPED, " / 255", ""),
            "scrambled": (AXES, RESHAPED),
            "large": (" / 255", ""),
            "exchanged": (GIVEN, "torch.tensor(std), torch.tensor(mean)"),
            "afterwards": (" / 255", "", "/ std[:, None, None]", "/ std[:, None, None] / 255"),
            "times": ("/ std", "* std"),
            "pixels": ("return (x - mean[:, None, None]) / std[:, None, None]", "return x"),
            "rows": ("(0, 3, 1, 2)", "(0, 3, 2, 1)"),
            "red": ("photographs.permute", "photographs.flip(-1).permute"),
            "of_these": (RETURN, OF_THESE + RETURN),
            "given": (GIVEN, IMAGENETS),
            "shape": (AXES + ".", "", "[:, None, None]", ""),
        },
    ),
    "choice": Answers(
        right=[by_loop],
        wrong={
            "test": ("validation.idxmax", "test.idxmax"),
            "lucky": ("means.validation.idxmax()", "table.loc[table.validation.idxmax()].cut"),
            "best": ("idxmax", "idxmin"),
            "validation": ("means.test[", "means.validation["),
            "other_cut": ("means.test[chosen]", "means.test.max()"),
            "single_draw": ("means.test[chosen]", "table[table.cut == chosen].test.max()"),
            "share": ("100 * ", ""),
            "two": (", 100 * means.test[chosen]", ""),
        },
    ),
    "halfway": Answers(
        right=[by_named_modules, with_an_extractor],
        wrong={
            "hook": ("handle.remove()", "pass"),
            "gradient": ("no_grad", "enable_grad"),
            "scores": ("    net(x)", "    return net(x)"),
            "maps": (".flatten(1)", ""),
            "rows": ("flatten(1)", "flatten()"),
            "dots": ("net.get_submodule(name)", "getattr(net, name)"),
            "in_place": ("result.clone()", "result"),
            "value": ("result.clone()", "given[0].clone()"),
            "statistics": ("    net(x)", "    net.train()(x)\n        net.eval()"),
            "tensor": ("return maps[0].flatten(1)", "return [maps[0].flatten(1)]"),
        },
    ),
    "batches": Answers(
        right=[with_a_loader, filled_in],
        wrong={
            "mode": ("net.eval()", "pass"),
            "last_batch": ("pictures.split", "pictures[: -(len(pictures) % batch)].split"),
            "gradient": ("no_grad", "enable_grad"),
            "order": ("pictures.split", "pictures.flip(0).split"),
            "at_once": ("split(batch)", "split(len(pictures))"),
            "again": ("net.eval()", "net.eval()(pictures[:1])"),
            "tensor": ("torch.cat(", "list("),
            "dropout": ("net.eval()", "net.norm.eval()"),
        },
    ),
    "stranger": Answers(
        right=[header_first],
        wrong={
            "pickle": (NOT_SAFE, UNPICKLED),
            "own_error": (NOT_SAFE, "raise"),
            "believed": (LIE, "False"),
            "stopped": ("    shape =", FULL_ROOM + "    shape ="),
            "bomb": ("picture.width * picture.height > 1_000_000", "False"),
            "unpacked": ("    if picture.width", "    picture.load()\n    if picture.width"),
            "refuses": (RETURN, "    raise ValueError('I trust nobody')\n" + RETURN),
            "two": ('return weights, np.array(picture.convert("RGB"))', "return weights"),
            "weights_changed": ("return weights", "return {k: v + 1 for k, v in weights.items()}"),
            "picture": ('convert("RGB"))', 'convert("RGB"))[..., 0]'),
        },
    ),
}  # fmt: skip
