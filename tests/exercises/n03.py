"""Right and wrong answers to the exercises of notebook 03."""

from exercises import NOTHING, Answers


def by_modules(net, trainable):
    net.requires_grad_(False)
    for name in trainable:
        net.get_submodule(name).requires_grad_(True)


LINEAR = "copied.output = nn.Linear(net.output.in_features, classes)"
ZERO_BIAS = "nn.init.zeros_(copied.output.bias)"
NAMED = 'name.split(".")[0] in trainable'
FEATURES = "    features = "  # computed before the loop
NORMS = "[one.eval() for one in net.modules() if isinstance(one, nn.BatchNorm2d)]"

CASES = {
    "surgery": Answers(
        right=[
            ("nn.init.zeros_(copied.output.weight)", "copied.output.weight.data.mul_(0)"),
            (
                LINEAR, "copied.output.weight = nn.Parameter(torch.ones(classes, 1024))",
                ZERO_BIAS, "copied.output.bias = nn.Parameter(torch.zeros(classes))",
            ),
        ],
        wrong={
            "zero": ("zeros_", "normal_"),
            "changed": ("copy.deepcopy(net)", "net"),
            "units": [
                ("in_features, classes", "in_features, 10"),
                (LINEAR, "copied.output.out_features = classes"),
            ],
            "bias": ("in_features, classes", "in_features, classes, bias=False", ZERO_BIAS, "pass"),
            "layers": ("copy.deepcopy(net)", "type(net)(classes)"),
            "nothing": NOTHING,
        },
    ),
    "freezing": Answers(
        right=[by_modules],
        wrong={
            "nothing_moves": (NAMED, "False"),
            "on_parameters": lambda net, trainable: setattr(net, "requires_grad", False),
            "inverted": (" in trainable", " not in trainable"),
            "biases": (NAMED, NAMED + ' or name.endswith("bias")'),
            "weights": (NAMED, NAMED + "\n        parameter.data *= parameter.requires_grad"),
            "copied": (
                "    for", "    net = copy.deepcopy(net)\n    for",
                NAMED, NAMED + "\n    return net",
            ),
            "misspelt": ("requires_grad", "require_grad"),
            "thawed": ("requires_grad =", "requires_grad &="),
            "beginning": (NAMED, "name.startswith(tuple(trainable))"),
        },
    ),
    "drift": Answers(
        right=[("net.eval()", NORMS)],
        wrong={
            "drifts": ("net.eval()", "net.eval(); net.train()"),
            "thawed": ('name.startswith("output")', "True"),
            "output": ('name.startswith("output")', "False"),
            "momentum": ("net.eval()", "for norm in net.modules():\n        norm.momentum = 0.0"),
            "batch_norm": (
                "net.eval()",
                'for number in range(1, 5):\n        setattr(net, f"norm{number}", nn.Identity())',
            ),
            "statistics": (
                "net.eval()",
                "for norm in net.modules():\n        norm.track_running_stats = False",
            ),
        },
    ),
    "once": Answers(
        right=[
            ("net.features(x)", "torch.cat([net.features(one) for one in x.split(5)])",
             "Adam", "AdamW"),
        ],
        wrong={
            "each_step": ("output(features)", "output(net.features(x).detach())"),
            "layers": (
                FEATURES,
                "    F.cross_entropy(net(x), y).backward()\n"
                "    torch.optim.Adam(net.parameters()).step()\n" + FEATURES,
            ),
            "output": ("optimizer.step()", "pass"),
            "again": (FEATURES, "    net.features(x)\n" + FEATURES),
            "history": (".detach()", ""),
            "graph": (".detach()", "", "backward()", "backward(retain_graph=True)"),
            "scores": (
                "net.features(x).detach()", "net(x)", "net.output(features)", "features",
                "backward()", "backward(retain_graph=True)",
            ),
            "steps": ("range(steps)", "range(100)"),
            "units": (FEATURES, "    net.output = nn.Linear(1024, 10)\n" + FEATURES),
            "loss": ("optimizer.zero_grad()", "pass"),
        },
    ),
}  # fmt: skip
