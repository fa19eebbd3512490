"""The command `tl-course`.

Each verb is two functions: `add_verb` says which options it takes, `verb` does it and returns the
exit code. Heavy imports are inside the verbs, so that `tl-course --help` is quick.
"""

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from tl_course import __version__
from tl_course.base.errors import CourseError
from tl_course.core import files


def add_lab(verbs) -> None:
    parser = verbs.add_parser(
        "lab",
        help="open JupyterLab on your own copies of the notebooks",
        description="Copies the notebooks to a folder of your own and opens JupyterLab there. "
        "A notebook that you changed is never overwritten. "
        "Options that are not listed here go to JupyterLab.",
    )
    parser.add_argument("--folder", type=Path, help="your folder (default: my-notebooks)")
    parser.add_argument("--no-browser", action="store_true", help="do not open a browser")
    parser.add_argument("--dry-run", action="store_true", help="only copy the notebooks")
    parser.set_defaults(act=lab, passes_on=True)


def lab(args: argparse.Namespace) -> int:
    from tl_course.app import notebooks

    folder = (args.folder or notebooks.root() / "my-notebooks").expanduser().resolve()
    originals = notebooks.find()
    for sentence in notebooks.copy_for_learner(originals, folder):
        print(sentence)
    if args.dry_run:
        return 0
    command = [sys.executable, "-m", "jupyterlab", notebooks.LARGE_MESSAGES, *args.passed_on]
    if args.no_browser:
        command.append("--no-browser")
    if (folder / originals[0].name).exists():
        command.append(originals[0].name)
    print("Opening JupyterLab; to end it, press Ctrl-C here twice.", flush=True)
    with notebooks.this_python_kernel():
        return _hand_over(command, folder)


def add_run(verbs) -> None:
    parser = verbs.add_parser(
        "run", help="run the notebooks without a browser, and make an HTML report"
    )
    parser.add_argument(
        "--notebook", action="append", metavar="03", help="only this one (may be given again)"
    )
    parser.add_argument("--budget", choices=["quick", "laptop", "gpu"], default="laptop")
    parser.add_argument("--seed", type=_seed, default=0)
    parser.add_argument("--out", type=Path, help="where to (default: build/course)")
    parser.set_defaults(act=run)


def run(args: argparse.Namespace) -> int:
    from tl_course.app import notebooks, report
    from tl_course.base import storage

    chosen = notebooks.find(args.notebook)
    out = storage.make_folder((args.out or notebooks.root() / "build" / "course").resolve())
    if any(out.glob("*.ipynb")) and not (out / report.INDEX).exists():
        raise CourseError(
            f"{out} holds notebooks that this command did not write: give --out another folder, so "
            "that none of them is overwritten."
        )
    outcomes = []
    with notebooks.this_python_kernel():
        for notebook in chosen:
            print(f"{notebook.stem:<28}", end="", flush=True)
            outcome = report.run_notebook(notebook, out, args.budget, args.seed)
            print(f"{outcome.seconds:7.1f} s  {outcome.result}", flush=True)
            outcomes.append(outcome)
    print(f"Report: {report.write_index(outcomes, out, args.budget, args.seed)}")
    return int(any(o.error for o in outcomes))


def add_doctor(verbs) -> None:
    parser = verbs.add_parser("doctor", help="check the environment and say what to do")
    _add_json(parser)
    parser.set_defaults(act=doctor)


def doctor(args: argparse.Namespace) -> int:
    from tl_course.app import doctor as checks

    findings = checks.examine()
    print(json.dumps(checks.as_dict(findings)) if args.json else checks.as_text(findings))
    return 0 if checks.is_well(findings) else 1


def add_pretrain(verbs) -> None:
    parser = verbs.add_parser(
        "pretrain",
        help="train a five-layer network on 1,000 classes and save it",
        description="Trains on a source and saves the network. Ctrl-C stops it after the current "
        "step; the same command continues. On several GPUs: torchrun --nproc-per-node 8 -m "
        "tl_course pretrain …",
    )
    parser.add_argument(
        "--source", choices=["emoji-images", "spoken-names", "written-names"],
        default="emoji-images",
    )  # fmt: skip
    parser.add_argument("--images", type=int, default=1_000_000, metavar="N")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--seed", type=_seed, default=0)
    parser.add_argument(
        "--precision",
        choices=["auto", "bf16", "float32"],
        default="auto",
        help="auto: bf16 where the processor is fast at it",
    )
    _add_force(parser)
    _add_json(parser)
    parser.set_defaults(act=pretrain)


def pretrain(args: argparse.Namespace) -> int:
    from dataclasses import replace

    from tl_course.base import machine
    from tl_course.core import pretraining

    device = machine.device()
    bf16 = {"auto": None, "bf16": True, "float32": False}[args.precision]
    result = pretraining.pretrain(
        pretraining.source(args.source, args.seed, device),
        args.images,
        held_out=pretraining.source(args.source, args.seed, device, held_out=True),
        seed=args.seed,
        recipe=replace(pretraining.RECIPE, bf16=bf16),
        out=args.out,
        overwrite=args.force,
    )
    if os.environ.get("RANK", "0") != "0":
        return 0  # under torchrun, the first process speaks for all
    rate = args.images / result.history.seconds
    print(
        f"{args.out}: {100 * result.accuracy:.1f}% of fresh {pretraining.SHIPPED[args.source][0]} "
        f"named right after {args.images:,} of them in {result.history.seconds:.0f} s "
        f"({rate:,.0f} a second)."
    )
    if args.json:
        print(
            json.dumps(
                {
                    "source": args.source,
                    "images": args.images,
                    "accuracy": result.accuracy,
                    "loss": result.history.loss[-1],
                    "seconds": result.history.seconds,
                }
            )
        )
    return 0


def add_adapt(verbs) -> None:
    parser = verbs.add_parser(
        "adapt",
        help="adapt a pretrained network to a folder of pictures by class",
        description="Trains on the pictures of --train (DIR/class/picture.png) and tests on those "
        "of --test.",
    )
    parser.add_argument("--train", type=Path, required=True, metavar="DIR")
    parser.add_argument("--test", type=Path, required=True, metavar="DIR")
    parser.add_argument(
        "--weights",
        type=Path,
        metavar="DIR",
        help="a saved or a shared network (default: the shipped one)",
    )
    parser.add_argument("--option", choices=["1", "2", "scratch", "auto"], default="auto")
    parser.add_argument("--augment", choices=["on", "off"], default=None)
    parser.add_argument("--seed", type=_seed, default=0)
    parser.add_argument("--out", type=Path, metavar="DIR", help="save the adapted network here")
    parser.add_argument(
        "--leave-out",
        action="store_true",
        help="leave out unreadable pictures and copies of test pictures, instead of refusing or "
        "using them",
    )
    parser.add_argument(
        "--report", type=Path, metavar="FILE.html", help="check the pictures, compare with "
        "controls, and write it all here",
    )  # fmt: skip
    parser.add_argument(
        "--share", type=Path, metavar="DIR", help="a folder with a model card, for others to use"
    )
    parser.add_argument("--maker", default="not said", help="who is named in the model card")
    _add_force(parser)
    _add_json(parser)
    parser.set_defaults(act=adapt)


def adapt(args: argparse.Namespace) -> int:
    with contextlib.ExitStack() as held:
        _take_places(args, held)  # rather now than after the training
        return _adapt(args)


def _take_places(args: argparse.Namespace, held: contextlib.ExitStack) -> None:
    """Look at every place that `adapt` will write to, and keep other programs out of it."""
    from tl_course.base import storage
    from tl_course.core import pretraining, sharing

    places = {name: getattr(args, name) for name in ("train", "test", "out", "share", "report")}
    places = {name: place.resolve() for name, place in places.items() if place}
    for name, place in places.items():
        for other, folder in places.items():
            written = name in ("out", "share", "report") and name != other != "report"
            if written and folder in (place, *place.parents):
                raise CourseError(
                    f"--{name} must be outside the folder that is given to --{other} "
                    f"({getattr(args, other)}): choose another place."
                )
    if args.out and (args.out / pretraining.CHECKPOINT).exists():
        raise CourseError(
            f"{args.out} holds a pretraining that is not finished: give --out another folder."
        )
    if not storage.is_text(args.maker):
        raise CourseError("--maker is not valid UTF-8 text: type the name again.")
    for folder, free_folder in ((args.out, files.free_folder), (args.share, sharing.free_folder)):
        if folder:
            held.enter_context(storage.claimed(storage.make_folder(folder)))
            free_folder(folder, args.force)
    if args.report:
        storage.free_file(args.report, args.force)
        held.enter_context(storage.claimed(args.report))


def _adapt(args: argparse.Namespace) -> int:
    from dataclasses import asdict

    from tl_course.core import model_card, pretraining, sharing
    from tl_course.data.targets.folder import load_folder
    from tl_course.data.targets.own_folder import check
    from tl_course.lessons.n08_your_own_task import own_task
    from tl_course.lessons.n08_your_own_task import report as own_report

    net = sharing.load_any(args.weights) if args.weights else pretraining.pretrained()
    if args.leave_out:
        checked = check(args.train, args.test)
        print(checked)
        train, test = checked.ready()
    else:
        train = load_folder(args.train)
        test = load_folder(args.test, names=train.names)
        checked = check(args.train, args.test)
        for finding in checked.copies:
            print(
                f"{finding}\n    (They were used this time; --leave-out leaves them out.)",
                file=sys.stderr,
            )
    trained_on = 0 if args.leave_out else len(checked.leaked)
    missing = len(train.names) - len(test.y.unique())
    if missing:
        print(
            f"{args.test} has no pictures of {missing} of the {len(train.names)} classes, so the "
            "accuracy says nothing about those.",
            file=sys.stderr,
        )
    outcome = own_task.run(net, train, test, args.seed, args.option, args.augment, trained_on)
    option, augment, result = outcome.option, outcome.augment, outcome.adapted
    if outcome.why:
        print(f"Option {option}, augmentation {'on' if augment else 'off'}: {outcome.why}")
    print(
        f"{100 * result.accuracy:.1f}% of {len(test):,} test pictures right, after "
        f"{len(train):,} labelled pictures of {len(train.names)} classes, "
        f"{result.seconds:.2f} s{outcome.warning}."
    )
    if args.out:
        files.save(
            result.net,
            args.out,
            half=False,
            overwrite=args.force,
            classes=list(train.names),
            option=option,
            images=len(train),
            metrics={"accuracy": result.accuracy},
            test_pictures_trained_on=trained_on,
            lineage=[asdict(one) for one in model_card.lineage(result.net)],
            stands_on=[asdict(one) for one in model_card.learnt_from(result.net)],
        )
    if args.share:
        card = own_task.card(outcome, args.share.resolve().name, args.maker, "pictures of my own")
        folder = sharing.share(result.net, args.share, card, overwrite=args.force)
        print(f"To share, with a model card: {folder}")
    if args.report:
        rivals = own_task.controls(outcome, args.seed)
        curve = own_task.more_labels(net, outcome, args.seed) if option != "scratch" else None
        path = own_report.write(
            args.report, outcome, checked, rivals, curve, used_all=not args.leave_out
        )
        print(f"Report: {path}")
    if args.json:
        print(
            json.dumps(
                {
                    "option": option,
                    "augment": augment,
                    "images": len(train),
                    "classes": len(train.names),
                    "accuracy": result.accuracy,
                    "interval": outcome.interval,
                    "tested": len(test),
                    "test_pictures_trained_on": trained_on,
                    "seconds": result.seconds,
                }
            )
        )
    return 0


def add_sweep(verbs) -> None:
    parser = verbs.add_parser(
        "sweep", help="every option on handwritten digits, with more and more labelled images"
    )
    parser.add_argument("--images", default="10,50,200", help="sizes, such as 10,50,200")
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--arms", help="some of them only, such as option-1,scratch")
    parser.add_argument("--augment", choices=["off", "on", "both"], default="off")
    parser.add_argument(
        "--settings",
        choices=["tuned", "fixed"],
        default="tuned",
        help="penalty, rate and steps: chosen on validation digits, or one recipe for all",
    )
    parser.add_argument("--seed", type=_seed, default=0)
    parser.add_argument("--weights", type=Path, metavar="DIR")
    parser.add_argument("--full", action="store_true", help="full MNIST (data_scripts/mnist.py)")
    _add_json(parser)
    parser.set_defaults(act=sweep)


def sweep(args: argparse.Namespace) -> int:
    import pandas as pd

    from tl_course.core import pretraining, settings, sharing
    from tl_course.data.examples import draw
    from tl_course.data.targets.handwritten import handwritten
    from tl_course.study.sweep import ARMS
    from tl_course.study.sweep import sweep as run_sweep

    sizes = _sizes(args.images)
    if args.draws < 1:
        raise CourseError(f"--draws is {args.draws}; at least 1 is needed.")
    arms = args.arms.split(",") if args.arms else list(ARMS)
    unknown = [arm for arm in arms if arm not in ARMS]
    if unknown:
        raise CourseError(f"--arms has '{unknown[0]}', which is none of {', '.join(ARMS)}.")
    augment = {"off": [False], "on": [True], "both": [False, True]}[args.augment]
    digits = handwritten(args.full)
    for size in sizes:
        draw(digits.pool, size, args.seed)  # refuses a size that the pool cannot give
    net = sharing.load_any(args.weights) if args.weights else pretraining.pretrained()
    found = run_sweep(
        net, digits, sizes, args.draws, arms=arms, augment=augment, seed=args.seed, progress=True,
        choice=settings.chosen if args.settings == "tuned" else settings.fixed,
    )  # fmt: skip
    rows = [{key: value for key, value in row.items() if key != "right"} for row in found]
    by = pd.DataFrame(rows).groupby(["augmented", "arm", "images"])
    table = by.accuracy.agg(["mean", "std", "count"])
    print((table * [100, 100, 1]).round(1).to_string())
    if args.json:
        print(json.dumps({"rows": rows}))
    return 0


def add_matrix(verbs) -> None:
    parser = verbs.add_parser(
        "matrix",
        help="networks pretrained on pictures, sound and text, each on digits of all three",
        description="Digits of people's voices (spoken-real) are there after "
        "'python data_scripts/free_spoken_digits.py'.",
    )
    parser.add_argument("--images", default="50", help="labelled examples, such as 50,200")
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--targets", help="some of them only, such as handwritten,spoken")
    parser.add_argument("--options", help="some of them only: 1,2,scratch")
    parser.add_argument("--seed", type=_seed, default=0)
    _add_json(parser)
    parser.set_defaults(act=matrix)


def matrix(args: argparse.Namespace) -> int:
    import pandas as pd

    from tl_course.study import matrix as experiment

    if args.draws < 1:
        raise CourseError(f"--draws is {args.draws}; at least 1 is needed.")
    options = args.options.split(",") if args.options else list(experiment.OPTIONS)
    unknown = [option for option in options if option not in experiment.OPTIONS]
    if unknown:
        wanted = ", ".join(experiment.OPTIONS)
        raise CourseError(f"--options has '{unknown[0]}', which is none of {wanted}.")
    rows = experiment.matrix(
        experiment.pretrained(), _sizes(args.images), args.draws, options=options, seed=args.seed,
        targets=args.targets.split(",") if args.targets else None, progress=True,
    )  # fmt: skip
    cells = experiment.cells(pd.DataFrame(rows))
    shown = 100 * cells.set_index(["target", "images", "option", "source"])["mean"].unstack()
    print(shown.round(1).to_string(na_rep=""))
    if args.json:
        found = cells.astype(object).where(cells.notna(), None).to_dict("records")
        print(
            json.dumps(
                {
                    "cells": [cell for cell in found if cell["source"] != "none"],
                    "floor": [cell for cell in found if cell["source"] == "none"],
                }
            )
        )
    return 0


def add_records(verbs) -> None:
    parser = verbs.add_parser(
        "records",
        help="make the shipped weights and the recorded results again",
        description="Makes whatever is not current: shipped weights, tuned settings, and every "
        "table in tl_course/results. It can be stopped and continued. Four to five hours on "
        "two cores when everything is to be made.",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="weights or tables; all if none")
    parser.add_argument("--anew", action="store_true", help="also what is current already")
    parser.set_defaults(act=records)


def records(args: argparse.Namespace) -> int:
    from tl_course.app import records as recorded

    for sentence in recorded.make_all(args.names, args.anew):
        print(sentence)
    return 0


# A new verb: write add_verb and verb above, and add it here.
VERBS = [add_lab, add_run, add_doctor, add_pretrain, add_adapt, add_sweep, add_matrix, add_records]


def main(argv: list[str] | None = None) -> int:
    """Runs one verb; returns 0 when it went well, 1 when it did not, 2 for a wrong request."""
    parser = argparse.ArgumentParser(
        prog="tl-course", description="Borrowed Eyes: transfer learning you can run, see and touch."
    )
    parser.add_argument("--version", action="version", version=__version__)
    parser.set_defaults(passes_on=False)
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    for add_verb in VERBS:
        add_verb(verbs)
    args, args.passed_on = parser.parse_known_args(argv)
    if args.passed_on and not args.passes_on:
        parser.error(f"unrecognized arguments: {' '.join(args.passed_on)}")
    try:
        code = args.act(args)
        sys.stdout.flush()
        return code
    except CourseError as error:
        print(f"tl-course: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader, such as `head`, went away
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _seed(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**31:
        raise argparse.ArgumentTypeError(f"{text} is no seed; give a number from 0 to {2**31 - 1}")
    return int(text)


def _sizes(text: str) -> list[int]:
    try:
        return [int(size) for size in text.split(",")]
    except ValueError:
        raise CourseError(
            f"--images {text} is no list of numbers; write it like 10,50,200."
        ) from None


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object as the last line"
    )


def _add_force(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--force", action="store_true", help="overwrite what is there already")


def _hand_over(command: list[str], folder: Path) -> int:
    """Runs a program to its end, leaving Ctrl-C to it."""
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        return subprocess.call(command, cwd=folder)
    finally:
        signal.signal(signal.SIGINT, before)


if __name__ == "__main__":
    sys.exit(main())
