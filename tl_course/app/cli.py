"""The command `tl-course`.

Each verb is a function below `@verb`, which lists its arguments; it returns the exit code. Heavy
imports are inside the verbs, so that `tl-course --help` is fast.
"""

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from tl_course import __version__
from tl_course.base.errors import CourseError, no_memory, print_anything, printable, refusal

VERBS = []  # functions that add a verb to the command, in the order of --help


def verb(says: str, *takes: tuple, about: str | None = None, passes_on: bool = False) -> Callable:
    """Make a function a verb of its name; with `passes_on` it receives unknown options too."""

    def register(act: Callable[[argparse.Namespace], int]) -> Callable:
        def add(verbs) -> None:
            parser = verbs.add_parser(act.__name__, help=says, description=about)
            for names, how in takes:
                parser.add_argument(*names, **how)
            parser.set_defaults(act=act, passes_on=passes_on)

        VERBS.append(add)
        return act

    return register


def takes(*names: str, **how) -> tuple:
    """The parameters of `ArgumentParser.add_argument` for one argument of a verb."""
    return names, how


def _seed(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**31:
        raise argparse.ArgumentTypeError(f"{text} is no seed; give a number from 0 to {2**31 - 1}")
    return int(text)


SOURCES = ["emoji-images", "spoken-names", "written-names"]
SEED = takes("--seed", type=_seed, default=0)
MANY = 500  # labelled pictures; from here on, one smaller draw says as much as two
MOST_DRAWS = 10_000  # a hundred times as many as an interval needs
DRAWS = takes("--draws", type=int, default=10)
FORCE = takes("--force", action="store_true", help="overwrite what is there already")
JSON = takes("--json", action="store_true", help="print one JSON object as the last line")


@verb(
    "open JupyterLab on your own copies of the notebooks",
    takes("--folder", type=Path, help="your folder (default: my-notebooks, here or in your home)"),
    takes("--no-browser", action="store_true", help="do not open a browser"),
    takes("--dry-run", action="store_true", help="only copy the notebooks"),
    about="Copies the notebooks to a folder of your own and opens JupyterLab there. A notebook "
    "that you changed is never overwritten. Options that are not listed here go to JupyterLab.",
    passes_on=True,
)
def lab(args: argparse.Namespace) -> int:
    from tl_course.app import notebooks
    from tl_course.base import storage

    folder = storage.expanded(args.folder or notebooks.learners_folder()).resolve()
    originals = notebooks.find()
    if not args.dry_run and notebooks.refused_as_root(args.passed_on):
        raise CourseError(
            "root",
            "JupyterLab does not start for root, who may change everything on this machine: start "
            "it as an ordinary user, or add `--allow-root` if this is a container.",
        )
    for sentence in notebooks.copy_for_learner(originals, folder):
        print(sentence)
    if args.dry_run:
        return 0
    command = [sys.executable, "-P", "-m", "jupyterlab", *notebooks.SERVER, *args.passed_on]
    if args.no_browser:
        command.append("--no-browser")
    first = originals[0].name
    opens = first if (folder / first).exists() else None
    print("JupyterLab is starting ...", flush=True)
    kernel = notebooks.this_python_kernel(notebooks.LOADS_EARLY)
    with kernel, notebooks.our_jupyter(folder, opens):
        return _hand_over(command, folder)


@verb(
    "run the notebooks without a browser, and make an HTML report",
    takes("--notebook", action="append", metavar="03", help="only this one (may be given again)"),
    takes("--budget", choices=["quick", "laptop", "gpu"], default="laptop"),
    SEED,
    takes("--out", type=Path, help="where to (default: build/course)"),
    FORCE,
)
def run(args: argparse.Namespace) -> int:
    from tl_course.app import notebooks, report

    chosen = notebooks.find(args.notebook)
    out = report.free_report_folder(
        args.out or notebooks.root() / "build" / "course", chosen, args.force
    )
    outcomes = []
    # A kernel that is stopped in the middle of an answer would print that as an error.
    with notebooks.this_python_kernel(log="CRITICAL"):
        for notebook in chosen:
            print(f"{notebook.stem:<28}", end="", flush=True)
            outcome = report.run_notebook(notebook, out, args.budget, args.seed)
            print(f"{outcome.seconds:7.1f} s  {outcome.result}", flush=True)
            outcomes.append(outcome)
    print(f"Report: {report.write_index(outcomes, out, args.budget, args.seed)}")
    return int(any(o.error for o in outcomes))


@verb(
    "make slides of the notebooks, to be shown without a network",
    takes("notebooks", nargs="*", metavar="NOTEBOOK", help="such as 03; all if none"),
    takes("--out", type=Path, required=True, metavar="DIR"),
    takes("--budget", choices=["quick", "laptop", "gpu"], default="laptop"),
    FORCE,
    about="Runs each notebook and makes slides of its main line, which any browser shows: open "
    "DIR/NAME.slides.html. They need the folder DIR/reveal beside them.",
)
def slides(args: argparse.Namespace) -> int:
    from tl_course.app import notebooks
    from tl_course.app import slides as making

    chosen = notebooks.find(args.notebooks or None)
    for notebook in chosen:
        making.free_page(notebook, args.out, args.force)  # now rather than after an hour
    with notebooks.this_python_kernel():
        for notebook in chosen:
            print(making.make_slides(notebook, args.out, args.budget, args.force), flush=True)
    return 0


@verb(
    "show, export or delete your predictions and exercises",
    takes("--out", type=Path, metavar="FILE", help="write them to a file (JSON)"),
    takes(
        "--delete",
        action="store_true",
        help="delete them, and all done in the experiments",
    ),
    FORCE,
    JSON,
    about="What you answered in the notebooks is kept on this machine alone and never sent.",
)
def progress(args: argparse.Namespace) -> int:
    from tl_course.base import storage
    from tl_course.lessons import predictions, progress_store

    answers = {kind: progress_store.read_entries(kind) for kind in progress_store.KINDS}
    if args.out:
        file = storage.free_file(args.out, overwrite=args.force)
        storage.write_text(file, json.dumps(answers, indent=1, ensure_ascii=False) + "\n")
        print(f"Written to {file}.")
    for name, entry in answers["exercises"].items():
        seen = ", solution seen" if entry.get("solution_seen") else ""
        outcome, tried, hints = (
            printable(str(entry.get(key, usual)))
            for key, usual in (("outcome", "not attempted"), ("tried", 0), ("hints", 0))
        )
        print(f"{printable(name):<20}{outcome:<15}tried {tried}, hints {hints}{seen}")
    for row in predictions.prediction_rows(predictions.of()):
        question, predicted, measured, off = (printable(cell, 500) for cell in row)
        print(f"{question} You said {predicted}, it is {measured} ({off}).")
    if not any(answers.values()):
        print("Nothing is kept so far.")
    if args.delete:
        progress_store.forget_everything()
        print("All of it is deleted.")
    if args.json:
        print(json.dumps(answers))
    return 0


@verb(
    "measure how fast the course is here, beside the machine's limit and beside other ways",
    takes("--write", action="store_true", help="put the table into docs/speed.md"),
    JSON,
    about="Takes up to ten minutes; let nothing else run meanwhile. fastai is measured where it is "
    "installed: pip install 'tl-course[bench]'.",
)
def bench(args: argparse.Namespace) -> int:
    from tl_course.app import bench as measuring

    figures = measuring.measure_figures(progress=True)
    print(measuring.as_table(figures))
    if args.write:
        print(f"Written to {measuring.write_speed_page(figures)}.")
    if args.json:
        print(json.dumps(measuring.as_json(figures)))
    return 0


@verb("check the environment and say what to do", JSON)
def doctor(args: argparse.Namespace) -> int:
    from tl_course.app import doctor as checks

    findings = checks.examine()
    print(json.dumps(checks.as_dict(findings)) if args.json else checks.as_text(findings))
    return 0 if checks.is_well(findings) else 1


@verb(
    "train a five-layer network on 1,000 classes and save it",
    takes("--source", choices=SOURCES, default=SOURCES[0]),
    takes("--images", type=int, default=1_000_000, metavar="N"),
    takes("--out", type=Path, required=True, metavar="DIR"),
    SEED,
    takes(
        "--precision",
        choices=["auto", "bf16", "float32"],
        default="auto",
        help="auto: bf16 where the processor is fast at it",
    ),
    FORCE,
    JSON,
    about="Trains on a source and saves the network. Ctrl-C stops it after the current step; the "
    "same command continues. On several GPUs: torchrun --nproc-per-node 8 -m tl_course pretrain …",
)
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
        recipe=replace(pretraining.recipe_for(args.images), bf16=bf16),
        out=args.out,
        overwrite=args.force,
    )
    if os.environ.get("RANK", "0") != "0":
        return 0  # under torchrun, the first process speaks for all
    seconds = result.history.seconds
    print(
        f"{args.out}: {100 * result.accuracy:.1f}% of fresh {pretraining.SHIPPED[args.source][0]} "
        f"named right after {args.images:,} of them in {seconds:.0f} s "
        f"({args.images / seconds:,.0f} a second)."
    )
    measured = {"accuracy": result.accuracy, "loss": result.history.loss[-1], "seconds": seconds}
    return _done(args, source=args.source, images=args.images, **measured)


@verb(
    "adapt a pretrained network to a folder of pictures by class",
    takes("--train", type=Path, required=True, metavar="DIR"),
    takes("--test", type=Path, required=True, metavar="DIR"),
    takes(
        "--weights",
        type=Path,
        metavar="DIR",
        help="a saved or a shared network (default: the shipped one)",
    ),
    takes("--option", choices=["1", "2", "scratch", "auto"], default="auto"),
    takes("--augment", choices=["on", "off"], default=None),
    SEED,
    takes("--out", type=Path, metavar="DIR", help="save the adapted network here"),
    takes(
        "--leave-out",
        action="store_true",
        help="leave out unreadable pictures and copies of test pictures, instead of refusing or "
        "using them",
    ),
    takes(
        "--report",
        type=Path,
        metavar="FILE.html",
        help="check the pictures, compare with controls, and write it all here",
    ),
    takes(
        "--share", type=Path, metavar="DIR", help="a folder with a model card, for others to use"
    ),
    takes("--maker", default="not said", help="who is named in the model card"),
    FORCE,
    JSON,
    about="Trains on the pictures of --train (DIR/class/picture.png) and tests on those of --test.",
)
def adapt(args: argparse.Namespace) -> int:
    with _ended_as_by_ctrl_c(), contextlib.ExitStack() as places:
        _take_places(args, places)  # now rather than after the training
        return _adapt(args)


@contextlib.contextmanager
def _ended_as_by_ctrl_c() -> Iterator[None]:
    """Let SIGTERM end the process like Ctrl-C, so that it releases its claimed places."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread can handle signals
        return
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _take_places(args: argparse.Namespace, claims: contextlib.ExitStack) -> None:
    """Check every place that `adapt` will write to, and claim it against other programs."""
    from tl_course.base import storage
    from tl_course.core import files, pretraining, sharing

    places = {name: getattr(args, name) for name in ("train", "test", "out", "share", "report")}
    places = {name: place.resolve() for name, place in places.items() if place}
    for name, place in places.items():
        for other, folder in places.items():
            written = name in ("out", "share", "report") and name != other != "report"
            if written and folder in (place, *place.parents):
                raise CourseError(
                    "place_inside",
                    f"--{name} must be outside the folder that is given to --{other} "
                    f"({getattr(args, other)}): choose another place.",
                )
    if args.out and (args.out / pretraining.CHECKPOINT).exists():
        raise CourseError(
            "unfinished_pretraining",
            f"{args.out} holds a pretraining that is not finished: give --out another folder.",
        )
    if not storage.is_text(args.maker):
        raise CourseError("not_utf8", "--maker is not valid UTF-8 text: type the name again.")
    for folder, free_folder in (
        (args.out, files.free_folder),
        (args.share, sharing.free_folder_to_share),
    ):
        if folder:
            claims.enter_context(storage.claimed(storage.make_folder(folder)))
            free_folder(folder, args.force)
    if args.report:
        storage.make_folder(storage.check_name(args.report).parent)
        claims.enter_context(storage.claimed(args.report))  # also sweeps a killed program's lock
        storage.free_file(args.report, args.force)


def _check_description(args: argparse.Namespace, net, names: tuple[str, ...]) -> None:
    """Raise now what saving or sharing the network would raise after the training."""
    from tl_course.core import files, model_card, network, sharing

    untrained = network.replace_output_layer(net, len(names))
    if args.out:
        files.check_about(untrained, classes=list(names))
    if args.share:
        name = args.share.resolve().name
        sharing.as_files(untrained, model_card.Card(name=name, maker=args.maker, classes=names))


def _adapt(args: argparse.Namespace) -> int:
    from dataclasses import asdict, replace

    from tl_course.core import files, model_card, pretraining, sharing
    from tl_course.data.targets.own_folder import WANTED, check
    from tl_course.study import own_task

    net = sharing.load_any(args.weights) if args.weights else pretraining.pretrained()
    checked = check(args.train, args.test, leave_out=args.leave_out)
    if args.leave_out:
        print(checked)
    try:
        train, test = checked.ready()
    except CourseError as error:
        if args.leave_out or not any(finding.what in WANTED for finding in checked.findings):
            raise
        raise CourseError(
            error.code, f"{error}; or add --leave-out to go on without such files"
        ) from None
    if not args.leave_out:
        print(checked, file=sys.stderr)
        if checked.copies:
            print("With --leave-out such pictures are left out.", file=sys.stderr)
    trained_on = 0 if args.leave_out else len(checked.leaked)
    _check_description(args, net, train.names)
    option, augment, why = own_task.way(train, args.option, args.augment)
    seconds = own_task.expected_seconds(net, train, option, augment)
    named = "From scratch" if option == "scratch" else f"Option {option}"
    print(f"{named}, augmentation {'on' if augment else 'off'}{': ' if why else '.'}{why}")
    _announce("The training", seconds)
    outcome = own_task.adapt_and_test(
        net, train, test, args.seed, option, "on" if augment else "off", trained_on,
        own_task.Follow(bar="Training"),
    )  # fmt: skip
    outcome, result = replace(outcome, why=why), outcome.adapted
    print(
        f"{100 * result.accuracy:.1f}% of {len(test):,} test pictures right, after "
        f"{len(train):,} labelled pictures of {len(train.names)} classes, "
        f"{result.seconds:.2f} s{outcome.warning}."
    )
    about = {"option": option, "images": len(train), "test_pictures_trained_on": trained_on}
    if args.out:
        files.save(
            result.net,
            args.out,
            half=False,
            overwrite=args.force,
            classes=list(train.names),
            metrics={"accuracy": result.accuracy},
            lineage=[asdict(parent) for parent in model_card.lineage(result.net)],
            stands_on=[asdict(parent) for parent in model_card.learnt_from(result.net)],
            **about,
        )
    if args.share:
        card = own_task.card(outcome, args.share.resolve().name, args.maker, "pictures of my own")
        folder = sharing.share(result.net, args.share, card, overwrite=args.force)
        print(f"To share, with a model card: {folder}")
    if args.report:
        print(f"Report: {_report(args, net, outcome, checked)}")
    about |= {"augment": augment, "classes": len(train.names), "tested": len(test)}
    about |= {"accuracy": result.accuracy, "interval": outcome.interval}
    return _done(args, **about, seconds=result.seconds)


def _report(args: argparse.Namespace, net, outcome, checked) -> Path:
    """Write the report on an adaptation, which needs several more trainings."""
    from tl_course.app import task_report
    from tl_course.study import own_task

    option, draws = outcome.option, 2 if len(outcome.train) < MANY else 1
    trainings = ["random"] + ["scratch"] * (option == "2") + [option] * 2 * draws * (option in "12")
    durations = [
        own_task.expected_seconds(net, outcome.train, way, outcome.augment) for way in trainings
    ]
    what = f"The report trains {len(durations)} more networks, which"
    _announce(what, durations[0] and sum(durations))
    rivals = own_task.right_by_rival(outcome, args.seed, own_task.Follow(bar="Controls"))
    follow, curve = own_task.Follow(bar="Fewer labels"), None
    if option != "scratch":
        curve = own_task.more_labels(net, outcome, args.seed, draws, follow=follow)
    return task_report.write_report(args.report, outcome, checked, rivals, curve)


def _announce(what: str, seconds: float | None) -> None:
    """Print how long a step takes if that is ten seconds or more."""
    from tl_course.base import machine

    if seconds is not None and seconds >= 10:
        duration = machine.time_in_words(seconds)
        print(f"{what} takes about {duration} on this machine.", flush=True)


@verb(
    "every option on handwritten digits, with more and more labelled images",
    takes("--images", default="10,50,200", help="sizes, such as 10,50,200"),
    DRAWS,
    takes("--arms", help="some of them only, such as option-1,scratch"),
    takes("--augment", choices=["off", "on", "both"], default="off"),
    takes(
        "--settings",
        choices=["tuned", "fixed"],
        default="tuned",
        help="penalty, rate and steps: chosen on validation digits, or one recipe for all",
    ),
    SEED,
    takes("--weights", type=Path, metavar="DIR"),
    takes(
        "--full", action="store_true",
        help="all of MNIST (data_scripts/mnist.py), its official test, and settings chosen on it",
    ),
    JSON,
)  # fmt: skip
def sweep(args: argparse.Namespace) -> int:
    import pandas as pd

    from tl_course.core import pretraining, settings, sharing
    from tl_course.data.examples import draw
    from tl_course.data.targets.handwritten import handwritten
    from tl_course.study.sweep import ARMS
    from tl_course.study.sweep import sweep as run_sweep

    sizes, arms = _sizes(args), _chosen("arms", args, ARMS)
    augment = {"off": [False], "on": [True], "both": [False, True]}[args.augment]
    digits = handwritten(args.full)
    for size in sizes:
        draw(digits.pool, size, args.seed)  # refuses a size that the pool cannot give
    net = sharing.load_any(args.weights) if args.weights else pretraining.pretrained()
    tuned = settings.official if args.full else settings.chosen
    results = run_sweep(
        net, digits, sizes, args.draws, arms=arms, augment=augment, seed=args.seed, progress=True,
        choice=tuned if args.settings == "tuned" else settings.fixed,
    )  # fmt: skip
    rows = [{key: value for key, value in row.items() if key != "right"} for row in results]
    by = pd.DataFrame(rows).groupby(["augmented", "arm", "images"])
    table = by.accuracy.agg(["mean", "std", "count"])
    print((table * [100, 100, 1]).round(1).to_string())
    return _done(args, rows=rows)


@verb(
    "networks pretrained on pictures, sound and text, each on digits of all three",
    takes("--images", default="50", help="labelled examples, such as 50,200"),
    DRAWS,
    takes("--targets", help="some of them only, such as handwritten,spoken"),
    takes("--options", help="some of them only: 1,2,scratch"),
    SEED,
    JSON,
    about="Digits of people's voices (spoken-real) are there when data_scripts/"
    "free_spoken_digits.py has fetched them.",
)
def matrix(args: argparse.Namespace) -> int:
    import pandas as pd

    from tl_course.study import matrix as experiment

    sizes, options = _sizes(args), _chosen("options", args, experiment.OPTIONS)
    rows = experiment.transfer_matrix(
        experiment.pretrained_by_modality(), sizes, args.draws, options=options, seed=args.seed,
        targets=args.targets.split(",") if args.targets else None, progress=True,
    )  # fmt: skip
    cells = experiment.cells(pd.DataFrame(rows))
    shown = 100 * cells.set_index(["target", "images", "option", "source"])["mean"].unstack()
    print(shown.round(1).to_string(na_rep=""))
    records = cells.astype(object).where(cells.notna(), None).to_dict("records")
    floor = [cell for cell in records if cell["source"] == "none"]
    return _done(args, cells=[cell for cell in records if cell not in floor], floor=floor)


@verb(
    "make the shipped weights and the recorded results again",
    takes("names", nargs="*", metavar="NAME", help="weights or tables; all if none"),
    takes("--anew", action="store_true", help="also what is current already"),
    about="Makes whatever is not current: shipped weights, tuned settings, and every table in "
    "tl_course/results. It can be stopped and continued. Four to five hours on two cores when "
    "everything is to be made.",
)
def records(args: argparse.Namespace) -> int:
    from tl_course.app import records as recorded

    for sentence in recorded.make_all(args.names, args.anew):
        print(sentence)
    return 0


@verb(
    "make the versions for a class: the student's, the instructor's, and one for marks",
    takes("--out", type=Path, required=True, metavar="DIR", help="a folder that is not there yet"),
    takes("--force", action="store_true", help="replace what an earlier release made there"),
    about="DIR/student is the course without its solutions, DIR/instructor has everything, and "
    "DIR/marks is for nbgrader. docs/marking.md says how to mark with it.",
)
def release(args: argparse.Namespace) -> int:
    from tl_course.app import release as versions

    with _ended_as_by_ctrl_c():
        for sentence in versions.make_release(args.out, args.force):
            print(sentence, flush=True)
    return 0


@verb(
    "mark what a class has handed in: one notebook, a table of points",
    takes("notebook", metavar="03", help="the number of the notebook"),
    takes("--handed-in", type=Path, required=True, metavar="DIR", help="a notebook per student"),
    takes(
        "--marks", type=Path, required=True, metavar="DIR", help="the folder 'marks' of a release"
    ),
    takes("--out", type=Path, required=True, metavar="FILE.csv", help="the table to write"),
    takes("--minutes", type=float, default=15, help="of one notebook (default: 15)"),
    takes("--memory", type=float, default=4, metavar="GB", help="of one notebook (default: 4)"),
    FORCE,
    about="Runs what students wrote, on this machine and with your rights: docs/marking.md says "
    "how to do that safely.",
)
def mark(args: argparse.Namespace) -> int:
    from tl_course.app import marks
    from tl_course.base import storage

    out = storage.free_file(args.out, args.force)
    for name in ("minutes", "memory"):
        if not 0 < (limit := getattr(args, name)) < 1000:
            raise CourseError("limit", f"--{name} is {limit:g}; give a number between 0 and 1,000.")
    limits = 60 * args.minutes, 1e9 * args.memory
    every = []
    with _ended_as_by_ctrl_c():
        for student in marks.mark_notebooks(
            args.marks.resolve(), args.notebook, args.handed_in, limits
        ):
            every.append(student)
            total = "not marked" if student.total is None else f"{student.total:g}"
            of = f"of {sum(student.of.values()):g}"
            remarks = "; ".join(student.remarks)
            print(f"{student.student:<28}{total:>10} {of}  {remarks}", flush=True)
            storage.write_text(out, marks.marks_as_csv(every))  # so that a stop loses nothing
    print(f"Written to {out}.")
    return 0


@verb(
    "put everything that start.py needs into a folder, for machines without a network",
    takes(
        "--for",
        dest="systems",
        metavar="SYSTEMS",
        help="such as linux,windows,macos-arm,linux-arm (default: this one)",
    ),
    takes("--python", metavar="VERSIONS", help="such as 3.12 or 3.11,3.12 (default: this one)"),
    takes("--out", type=Path, metavar="DIR", help="the folder (default: build/wheelhouse)"),
    takes(
        "--cpu",
        action="store_true",
        help="on Linux, the builds of torch without CUDA, as with start.py (unproven)",
    ),
    takes(
        "--course",
        type=Path,
        metavar="DIR",
        help="the version of the course to put in (default: this one)",
    ),
    about="Fetches packages by their hashes, and says how much that is before it starts. It can be "
    "stopped and continued. On the machines: python3 start.py lab --from DIR",
)
def wheelhouse(args: argparse.Namespace) -> int:
    from tl_course.app import notebooks
    from tl_course.app import wheelhouse as house

    root = args.course or notebooks.root()
    out = args.out or notebooks.root() / "build" / "wheelhouse"
    names, versions = house.systems(args.systems), house.pythons(args.python)
    for sentence in house.fill_wheelhouse(root.resolve(), out.resolve(), names, versions, args.cpu):
        print(sentence, flush=True)
    return 0


def main(argv: list[str] | None = None) -> int:
    """Run one verb; returns 0 for success, 1 for failure, 2 for a wrong request."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # the program that started this has closed it
            setattr(sys, name, open(os.devnull, "w"))
    print_anything()
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
        return _report_error(str(error))
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader, such as `head`, went away
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        from tl_course.lessons.audience import STRICT

        if os.environ.get(STRICT):  # developers see the traceback
            raise
        return _report_error(refusal(error))
    except (MemoryError, RuntimeError) as error:
        sentence = no_memory(error)
        if sentence is None:
            raise
        return _report_error(sentence)


def _report_error(sentence: str) -> int:
    print(f"tl-course: {sentence}", file=sys.stderr)
    return 2


def _done(args: argparse.Namespace, **result: object) -> int:
    """Print the result as JSON if --json asks for it; returns the exit code."""
    if args.json:
        print(json.dumps(result))
    return 0


def _sizes(args: argparse.Namespace) -> list[int]:
    """The numbers of --images; it also checks --draws."""
    if not 1 <= args.draws <= MOST_DRAWS:
        raise CourseError(
            "draws", f"--draws is {args.draws}; give a number from 1 to {MOST_DRAWS}."
        )
    try:
        return [int(size) for size in args.images.split(",")]
    except ValueError:
        raise CourseError(
            "no_numbers", f"--images {args.images} is no list of numbers; write it like 10,50,200."
        ) from None


def _chosen(name: str, args: argparse.Namespace, every: tuple[str, ...]) -> list[str]:
    """The items of `every` that the option `name` lists; all of them without the option."""
    text = getattr(args, name)
    items = text.split(",") if text else list(every)
    for item in items:
        if item not in every:
            raise CourseError(
                "unknown_choice", f"--{name} has '{item}', which is none of {', '.join(every)}."
            )
    return items


def _hand_over(command: list[str], folder: Path) -> int:
    """Run a program to its end; only it handles Ctrl-C."""
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        return subprocess.call(command, cwd=folder)
    finally:
        signal.signal(signal.SIGINT, before)


if __name__ == "__main__":
    sys.exit(main())
