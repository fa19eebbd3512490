"""Right and wrong answers to the exercises of notebook 07."""

import json
import pickle

import numpy as np
import safetensors.torch
import torch
from PIL import Image

from exercises import Answers
from tl_course.lessons.n07_published_networks import exercises, solutions

# ---------------------------------------------------------------------------- what goes in


def with_torchvision(photographs, mean, std):
    from torchvision.transforms.functional import normalize

    return normalize(torch.einsum("nhwc->nchw", photographs).float().div(255), mean, std)


def in_numpy(photographs, mean, std):
    x = np.moveaxis(photographs.numpy(), 3, 1) / 255.0
    return (x - np.array(mean)[None, :, None, None]) / np.reshape(std, (1, 3, 1, 1))


def channels_last(photographs, mean, std):
    x = (photographs / 255 - torch.tensor(mean)) / torch.tensor(std)
    return x.permute(0, 3, 1, 2).contiguous()


def _axes(numbers):
    return torch.tensor(numbers)[:, None, None]


def neither_mended(photographs, mean, std):
    x = photographs.float().view(len(photographs), 3, *photographs.shape[1:3])
    return x.sub(_axes(mean)).div(_axes(std))


def still_scrambled(photographs, mean, std):
    n, height, width, _ = photographs.shape
    return (photographs.reshape(n, 3, height, width) / 255 - _axes(mean)) / _axes(std)


def still_too_large(photographs, mean, std):
    return (photographs.permute(0, 3, 1, 2).float() - _axes(mean)) / _axes(std)


def changed_places(photographs, mean, std):
    return solutions.prepared(photographs, std, mean)


def scaled_afterwards(photographs, mean, std):
    return still_too_large(photographs, mean, std) / 255


def times_std(photographs, mean, std):
    return (photographs.permute(0, 3, 1, 2) / 255 - _axes(mean)) * _axes(std)


def pixels_alone(photographs, mean, std):
    return photographs.permute(0, 3, 1, 2) / 255


def transposed(photographs, mean, std):
    return (photographs.permute(0, 3, 2, 1) / 255 - _axes(mean)) / _axes(std)


def as_bgr(photographs, mean, std):
    return solutions.prepared(photographs.flip(-1), mean, std)


def own_statistics(photographs, mean, std):
    x = photographs.permute(0, 3, 1, 2) / 255
    return (x - x.mean((0, 2, 3), keepdim=True)) / x.std((0, 2, 3), keepdim=True)


def by_heart(photographs, mean, std):
    return solutions.prepared(photographs, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])


def channels_still_last(photographs, mean, std):
    return (photographs / 255 - torch.tensor(mean)) / torch.tensor(std)


# ---------------------------------------------------------------------------- which cut


def by_loop(table):
    means = {cut: rows.validation.mean() for cut, rows in table.groupby("cut")}
    cut = max(means, key=means.get)
    return [cut, round(100 * table[table.cut == cut].test.mean(), 1)]


def test_chooses(table):
    ordered = table.groupby("cut").test.mean().sort_values()
    return ordered.index[-1], 100 * ordered.iloc[-1]


def one_lucky_draw(table):
    cut = table.loc[table.validation.idxmax()].cut
    return cut, 100 * table[table.cut == cut].test.mean()


def the_worst(table):
    means = table.groupby("cut").validation.mean()
    cut = means.sort_values().index[0]
    return cut, 100 * table[table.cut == cut].test.mean()


def validation_reported(table):
    means = table.groupby("cut").validation.mean()
    return means.idxmax(), 100 * means.max()


def best_of_the_test_reported(table):
    means = table.groupby("cut")[["validation", "test"]].mean()
    return means.validation.idxmax(), 100 * means.test.max()


def best_draw_reported(table):
    cut = solutions.best_cut(table)[0]
    return cut, 100 * table[table.cut == cut].test.max()


def a_share(table):
    cut, percent = solutions.best_cut(table)
    return cut, percent / 100


def cut_alone(table):
    return solutions.best_cut(table)[0]


# ---------------------------------------------------------------------------- halfway


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


def _hooked(net, name, x, take, remove=True):
    kept = []
    module = net.get_submodule(name)
    handle = module.register_forward_hook(lambda module, given, result: kept.append(take(result)))
    net(x)
    if remove:
        handle.remove()
    return kept[0]


def hook_left(net, name, x):
    return _hooked(net, name, x, lambda y: y.detach().clone().flatten(1), remove=False)


def with_gradient(net, name, x):
    return _hooked(net, name, x, lambda y: y.clone().flatten(1))


def last_output(net, name, x):
    with torch.no_grad():
        return net(x)


def maps(net, name, x):
    return _hooked(net, name, x, lambda y: y.detach().clone())


def one_long_row(net, name, x):
    return _hooked(net, name, x, lambda y: y.detach().clone().flatten())


def without_dots(net, name, x):
    kept = []
    handle = getattr(net, name).register_forward_hook(lambda *given: kept.append(given[2].clone()))
    with torch.no_grad():
        net(x)
    handle.remove()
    return kept[0].flatten(1)


def not_copied(net, name, x):
    return _hooked(net, name, x, lambda y: y.detach().flatten(1))


def what_went_in(net, name, x):
    kept = []
    module = net.get_submodule(name)
    handle = module.register_forward_hook(lambda m, given, y: kept.append(given[0].clone()))
    with torch.no_grad():
        net(x)
    handle.remove()
    return kept[0].flatten(1)


def trains(net, name, x):
    net.train()
    found = solutions.features_at(net, name, x)
    net.eval()
    return found


def in_a_list(net, name, x):
    return [solutions.features_at(net, name, x)]


# ---------------------------------------------------------------------------- in batches


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


def in_training_mode(net, pictures, batch):
    with torch.no_grad():
        return torch.cat([net(part) for part in pictures.split(batch)])


def last_batch_dropped(net, pictures, batch):
    net.eval()
    whole = range(len(pictures) // batch)
    with torch.no_grad():
        return torch.cat([net(pictures[i * batch : (i + 1) * batch]) for i in whole])


def gradients_on(net, pictures, batch):
    net.eval()
    return torch.cat([net(part) for part in pictures.split(batch)])


def another_order(net, pictures, batch):
    net.eval()
    with torch.no_grad():
        loader = torch.utils.data.DataLoader(pictures, batch_size=batch, shuffle=True)
        return torch.cat([net(part) for part in loader])


def all_at_once(net, pictures, batch):
    net.eval()
    with torch.no_grad():
        return net(pictures)


def one_too_often(net, pictures, batch):
    net.eval()
    net.forward(pictures[:1])
    return solutions.features_once(net, pictures, batch)


def a_list(net, pictures, batch):
    net.eval()
    with torch.no_grad():
        return [net(part) for part in pictures.split(batch)]


def norm_alone(net, pictures, batch):
    net.train()
    net.norm.eval()
    with torch.no_grad():
        return torch.cat([net(part) for part in pictures.split(batch)])


# ---------------------------------------------------------------------------- strangers


def header_first(folder):
    weights = {}
    try:
        with safetensors.safe_open(folder / "weights.safetensors", "pt") as file:
            rows, columns = file.get_slice("output.weight").get_shape()
            said = json.loads((folder / "config.json").read_bytes())
            if columns != 128 or said != {"n_classes": rows} or said["n_classes"] is True:
                raise ValueError(f"{said} and {rows} rows")
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except safetensors.SafetensorError as error:
        raise ValueError("not safetensors") from error
    with Image.open(folder / "picture.png", formats=("PNG",)) as picture:
        width, height = picture.size
        if width * height > 10**6:
            raise ValueError("too many pixels")
        return weights, np.asarray(picture.convert("RGB"))


def _safe(folder):
    try:
        return safetensors.torch.load((folder / "weights.safetensors").read_bytes())
    except safetensors.SafetensorError as error:
        raise ValueError(str(error)) from None


def _counted(folder, weights):
    said = json.loads((folder / "config.json").read_text())["n_classes"]
    if type(said) is not int or said != len(weights["output.weight"]):
        raise ValueError(f"{said} classes")


def _pixels(folder):
    return np.array(Image.open(folder / "picture.png").convert("RGB"))


def pickles_too(folder):
    content = (folder / "weights.safetensors").read_bytes()
    try:
        weights = safetensors.torch.load(content)
    except safetensors.SafetensorError:
        weights = pickle.loads(content)
    _counted(folder, weights)
    return weights, _pixels(folder)


def its_own_error(folder):
    return safetensors.torch.load((folder / "weights.safetensors").read_bytes()), _pixels(folder)


def believed(folder):
    return _safe(folder), _pixels(folder)


def room_made_first(folder):
    weights = _safe(folder)
    output = torch.zeros(json.loads((folder / "config.json").read_text())["n_classes"], 128)
    output[:] = weights["output.weight"]
    return {**weights, "output.weight": output}, _pixels(folder)


def bomb_taken(folder):
    weights = _safe(folder)
    _counted(folder, weights)
    return weights, _pixels(folder)


def bomb_unpacked_first(folder):
    weights, pixels = bomb_taken(folder)
    if pixels.shape[0] * pixels.shape[1] > 10**6:
        raise ValueError("too many pixels")
    return weights, pixels


def all_refused(folder):
    raise ValueError("I trust nobody")


def weights_alone(folder):
    return header_first(folder)[0]


def other_weights(folder):
    weights, pixels = header_first(folder)
    return {name: one.half().float() for name, one in weights.items()}, pixels


def grey(folder):
    weights, pixels = header_first(folder)
    return weights, pixels[..., 0]


CASES = {
    exercises.inputs: Answers(
        right=[with_torchvision, in_numpy, channels_last],
        wrong={
            neither_mended: "Both faults",
            still_scrambled: "scrambled",
            still_too_large: "255 times too large",
            changed_places: "`mean` and `std` have changed places",
            scaled_afterwards: "after the mean was subtracted",
            times_std: "multiplies",
            pixels_alone: "lie between 0 and 1 now",
            transposed: "Rows and columns",
            as_bgr: "Red and blue",
            own_statistics: "of these photographs",
            by_heart: "each network comes with its own",
            channels_still_last: "became",
        },
    ),
    exercises.choice: Answers(
        right=[by_loop],
        wrong={
            test_chooses: "The test has a say",
            one_lucky_draw: "one lucky draw",
            the_worst: "does best on validation pictures",
            validation_reported: "Report what the test says",
            best_of_the_test_reported: "that of another cut",
            best_draw_reported: "a single draw",
            a_share: "is a share",
            cut_alone: "Return two things",
        },
    ),
    exercises.halfway: Answers(
        right=[by_named_modules, with_an_extractor],
        wrong={
            hook_left: "hook is still there",
            with_gradient: "carry a gradient",
            last_output: "scores of the last layer",
            maps: "returns the maps",
            one_long_row: "the first axis",
            without_dots: "names with dots",
            not_copied: "inplace=True",
            what_went_in: "not the numbers that the module",
            trains: "statistics have moved",
            in_a_list: "where a tensor",
        },
    ),
    exercises.batches: Answers(
        right=[with_a_loader, filled_in],
        wrong={
            in_training_mode: "The network has changed",
            last_batch_dropped: "The last batch",
            gradients_on: "carry a gradient",
            another_order: "another order",
            all_at_once: "at once",
            one_too_often: "and there are 22",
            a_list: "torch.cat",
            norm_alone: "dropout",
        },
    ),
    exercises.stranger: Answers(
        right=[header_first],
        wrong={
            pickles_too: "it ran a program",
            its_own_error: "A pickle is not refused properly",
            believed: "you took both",
            room_made_first: "stopped your program",
            bomb_taken: "The third attack came through",
            bomb_unpacked_first: "after it went off",
            all_refused: "refuses an intact folder",
            weights_alone: "Return two things",
            other_weights: "come back changed",
            grey: "does not come back as uint8",
        },
    ),
}
