"""Right and wrong answers to the exercises of notebook 04."""

import numpy as np

from exercises import NOTHING, Answers


def in_numpy(before, after):
    old, new = before.state_dict(), after.state_dict()
    shares = {}
    for number in range(1, 5):
        w, v = (state[f"layer{number}.weight"].numpy() for state in (old, new))
        shares[f"layer{number}"] = np.sqrt(((v - w) ** 2).sum() / (w**2).sum())
    return shares


def named(condition):
    """Code for the parameters of the copy whose names are so."""
    return f"[one for name, one in tuned.named_parameters() if {condition}]"


ALL = "tuned.parameters()"
COPY = "copy.deepcopy(net)"
THAWED = ".requires_grad_(True)"
OPTIMIZER, RETURN = "    optimizer = ", "    return "
LAYERS = named("'output' not in name")
GROUPS = f"[{{'params': {LAYERS}}}, {{'params': tuned.output.parameters(), 'lr': 10 * rate}}]"
SHARE = "((new - old).norm() / old.norm())"
TENSORS = "getattr(before, layer).weight, getattr(after, layer).weight"
WHOLE = "(torch.cat([*map(torch.ravel, getattr(n, layer).parameters())]) for n in (before, after))"
BOTH = "net.output(features), digits_output(features)"

CASES = {
    "fine_tuning": Answers(
        right=[
            ("Adam(", "AdamW(", "    loss =", "    i = torch.randperm(12)[:8]\n        loss =",
             "tuned(x), y", "tuned(x[i]), y[i]"),
            (COPY, "type(net)(net.output.out_features)",
             OPTIMIZER, "    tuned.load_state_dict(net.state_dict())\n" + OPTIMIZER),
            ("Adam(" + ALL, "AdamW(" + GROUPS),
        ],
        wrong={
            "changed": (COPY, "net"),
            "untrained": ("return tuned", "return net"),
            "classes": (OPTIMIZER, "    tuned.output = torch.nn.Linear(1024, 10)\n" + OPTIMIZER),
            "fresh_output": (OPTIMIZER, "    tuned.output.reset_parameters()\n" + OPTIMIZER),
            "too_late": (THAWED, "", ALL, named("one.requires_grad"),
                         "    for", f"    tuned{THAWED}\n    for"),
            "optimizer": ("Adam(", "SGD("),
            "one_step": ("range(steps)", "range(steps - 1)"),
            "frozen": (THAWED, ""),
            "source_thawed": (COPY + THAWED, f"copy.deepcopy(net{THAWED})"),
            "output_alone": (ALL, "tuned.output.parameters()"),
            "output_still": (ALL, LAYERS),
            "still": (ALL, named("'weight' in name")),
            "source_loss": ("tuned(x)", "net(x)"),
            "nothing_moved": ("optimizer.step()", "pass"),
            "adding_up": ("optimizer.zero_grad()", "pass"),
            "rate": ("lr=rate", "lr=1e-3"),
            "steps": ("range(steps)", "range(30)"),
            "loss": ("lr=rate", "lr=rate, maximize=True"),
            "nothing": NOTHING,
        },
    ),
    "rate": Answers(
        right=[("1e-4", "2e-4", "100", "60")],
        wrong={
            "too_large": ("1e-4", "3e-3", "100", "60"),
            "too_small": ("1e-4", "1e-6", "100", "60"),
            "too_few": ("100", "3"),
            "steps": ("100", "2.5"),
            "rate": ("1e-4", "-1e-4"),
        },
    ),
    "how_far": Answers(
        right=[
            in_numpy,
            (SHARE + ".item()", "torch.linalg.vector_norm(new - old) / old.norm()"),
        ],
        wrong={
            "length": (SHARE, "(new - old).norm()"),
            "after": ("/ old.norm()", "/ new.norm()"),
            "signs": (SHARE, "((new - old).mean() / old.mean())"),
            "absolute": (SHARE, "((new - old).abs().mean() / old.abs().mean())"),
            "lengths": (SHARE, "(new.norm() / old.norm() - 1)"),
            "percent": (SHARE, "100 * " + SHARE),
            "squares": (SHARE, SHARE + ".square()"),
            "number": (SHARE + ".item()", "(new - old) / old"),
            "output": ('"layer4"', '"layer4", "output"'),
            "biases": (TENSORS, WHOLE),
            "changed": (RETURN, "    after.layer1.weight.data.zero_()\n" + RETURN),
            "dictionary": ("return shares", "return list(shares.values())"),
        },
    ),
    "both_tasks": Answers(
        right=[("features(x)", "features(x).detach()", BOTH, f"[{BOTH}]")],
        wrong={
            "network": (RETURN, "    net.output, output = digits_output, net.output\n" + RETURN,
                        "net.output(features)", "output(features)"),
            "twice": ("net.output(features)", "net(x)"),
            "order": (BOTH, "digits_output(features), net.output(features)"),
            "shapes": ("(features)", "(features).argmax(1)"),
            "two": ("net.output(features), ", ""),
            "scores": ("(features)", "(features).softmax(1)"),
        },
    ),
}  # fmt: skip
