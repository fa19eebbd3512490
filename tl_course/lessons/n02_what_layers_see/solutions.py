"""Worked solutions of notebook 02's exercises, each with its reason."""


def selectivity(answers):
    """(best - right angle) / (best + right angle), from one unit's answers at n angles."""
    place, n = answers.argmax(), len(answers)
    best = answers[place]
    right = answers[(place + n // 2) % n]
    if best + right == 0:
        return 0.0
    return (best - right) / (best + right)


def field_size(layers):
    """How many pixels across a unit sees; `layers` are pairs (size, stride), from first to last."""
    seen = apart = 1
    for size, stride in layers:
        seen = seen + (size - 1) * apart
        apart = apart * stride
    return seen


def favourites(answers, k=9):
    """The indices of the k pictures that excite a unit most; `answers` `[pictures, 8, 8]`."""
    strongest = answers.flatten(1).amax(1)
    return strongest.topk(k).indices


def same_contrast(x):
    """Pictures `[n, 3, h, w]`, each as a whole brought to mean 0 and standard deviation 1."""
    mean = x.mean((1, 2, 3), keepdim=True)
    spread = x.std((1, 2, 3), keepdim=True).clamp_min(1e-5)
    return (x - mean) / spread


SOLUTIONS = {
    "selective": (
        selectivity,
        "The remainder `% n` closes the circle: half a circle past 150 degrees is 60 degrees "
        "again, because stripes look the same after 180 degrees.",
    ),
    "field": (
        field_size,
        "Every layer adds its outer neighbours, and a stride moves the neighbours of all later "
        "layers apart. The order of the two lines matters.",
    ),
    "best_ones": (
        favourites,
        "Each picture is first boiled down to its strongest answer, so it can take only one of "
        "the k places.",
    ),
    "contrast": (
        same_contrast,
        "The mean and the spread are taken over everything but the first axis, so each picture "
        "has its own. The smallest allowed spread keeps a plain picture at zero: rounding "
        "leaves it about 1e-8, which is far below 1e-5.",
    ),
}
