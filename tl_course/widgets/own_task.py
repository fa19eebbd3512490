"""A task of your own in five steps: pictures, check, train, result, try.

One step is shown at a time, and one button leads to the next. `study/own_task` computes, and
`data/upload` stores the pictures.
"""

import hashlib
import html
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import anywidget
import ipywidgets as widgets
import pandas as pd
import torch
import traitlets
from PIL import Image

from tl_course.base import machine, storage
from tl_course.base.errors import CourseError, printable
from tl_course.core import files, training
from tl_course.core.advice import recommended
from tl_course.core.network import FiveLayerNet
from tl_course.core.transfer import Adapted
from tl_course.data import upload
from tl_course.data.inputs import to_picture
from tl_course.data.pictures import open_picture
from tl_course.data.targets import made_folder, own_folder
from tl_course.data.targets.folder import SIZE, SMALLEST, picture_to_input
from tl_course.data.targets.own_folder import Checked, legible
from tl_course.data.upload import Upload
from tl_course.lessons.drawing import Picture, url_of
from tl_course.lessons.n08_your_own_task import figures, thumbnails
from tl_course.study import own_task
from tl_course.study.own_task import Follow, Outcome
from tl_course.widgets.base import (
    ONE_AT_A_TIME,
    WRAP,
    Experiment,
    button,
    columns,
    control,
    is_like,
    one_of,
    table_of_rows,
)
from tl_course.widgets.drawing_pad import bars_of_shares
from tl_course.widgets.parts import joined

PICTURES, CHECK, TRAIN, RESULT, TRY = range(5)
NAMES = ("Pictures", "Check", "Train", "Result", "Try it")
BETWEEN = 0.3  # seconds between two progress reports
SHOWN = 256  # pixels of a picture that is tried
OPTIONS = {
    "as recommended": "auto",
    "the output layer alone (Option 1)": "1",
    "every layer (Option 2)": "2",
}
COPIES = {"as recommended": "auto", "yes": "on", "no": "off"}
STOP, LOOK = "Stop", "Look through the pictures"
LEAVE, USE = "Leave this class out", "Use this class again"
# The messages of front/steps.js, front/files.js and front/camera.js.
NEXT = {"next": str}
BEGIN = {
    "begin": {
        "id": str, "kind": str, "name": str, "files": [(str, int)], "skipped": int, "some": [str]
    }
}  # fmt: skip
PIECE = {"piece": {"id": str, "parts": [(int, int, int)]}}
FAILED = {"failed": {"id": str}}
TEST, PICTURE = {"test": bool}, {"picture": str}
MADE = (
    "These are pieces of eight photographs, made here to begin with. Some have faults, put in on "
    "purpose for the checker to find. "
)
ABOUT = (
    "Nothing leaves this machine: pictures go into the folder <i>{}</i> beside this notebook. The "
    "text under <i>Share or restore</i> holds the folder's name and your choices, no pictures."
)
EARLIER = (
    "If you keep the best of several, the test has chosen it, and its number is a little too good."
)
ONWARD = (
    "This network comes back with the experiment. The cells below train once more on these "
    "pictures, as recommended, and save that network with a model card (<i>Save, card, share</i>)."
)
# The record of a training that is kept besides its network.
TRAINED = {"pictures": str, "option": str, "augment": bool, "seconds": float, "runs": dict}
ANY = "It can only name one of its {} classes, whatever you show it."


class Steps(anywidget.AnyWidget):
    """The steps, and the button for the next one; front/steps.js describes the synced traits."""

    _esm = joined("steps")
    steps = traitlets.List([]).tag(sync=True)
    chosen = traitlets.Int(0).tag(sync=True)
    next = traitlets.Unicode("").tag(sync=True)
    able = traitlets.Bool(True).tag(sync=True)
    quiet = traitlets.Bool(False).tag(sync=True)
    share = traitlets.Float(-1).tag(sync=True)
    left = traitlets.Unicode("").tag(sync=True)
    news = traitlets.Unicode("").tag(sync=True)


class Files(anywidget.AnyWidget):
    """Pictures from the learner's machine, sent in pieces."""

    _esm = joined("files")
    endings = traitlets.List(list(upload.KINDS)).tag(sync=True)
    most = traitlets.Int(upload.MOST_FILES).tag(sync=True)
    piece = traitlets.Int(upload.PIECE).tag(sync=True)
    classes = traitlets.List([]).tag(sync=True)


class Camera(anywidget.AnyWidget):
    """A picture to try, and the answer."""

    _esm = joined("camera")
    answer = traitlets.Dict({}).tag(sync=True)
    things = traitlets.Dict({}).tag(sync=True)


class Coming(NamedTuple):
    """An upload under way, with the id that the browser gave it."""

    id: str
    upload: Upload


class Looked(NamedTuple):
    """The checker's result, its findings as HTML, and thumbnails of each class as HTML."""

    checked: Checked
    findings: str
    shown: str


class OwnTask(Experiment):
    """`folder` is a learner's own folder of pictures; "" makes one in the folder `making`.

    Uploads go into the folder `own`. A notebook reads `folder` (of the current pictures), `without`
    (classes that are left out), `checked` and `outcome` (None until there is one), and `is_made`. A
    wrong folder raises no error: the learner is told.
    """

    name, title = "own-task", "A task of your own"

    def __init__(
        self,
        net: FiveLayerNet,
        folder: Path | str = "",
        making: Path | None = None,
        seed: int = 0,
        option: str = "auto",
        augment: str | None = None,
        own: Path | str = upload.ROOT,
    ) -> None:
        super().__init__(seed)
        self.tell("")
        self.net, self.own, self.making = net, Path(own), making or storage.person_folder()
        self._given_folder = storage.expanded(folder) if folder else None
        self.without: tuple[str, ...] = ()
        self.checked: Checked | None = None
        self.outcome: Outcome | None = None
        self._runs: dict[str, dict] = {}  # on these pictures, a row for each way of training
        self._rivals: dict[str, torch.Tensor] = {}
        self._curve: pd.DataFrame | None = None
        self._coming: Coming | None = None
        self._training_record: dict = {}  # like TRAINED
        self._saved_training: dict = {}  # like TRAINED, until its pictures have been checked
        self._doing, self._started_at = "", 0.0
        self._draws = torch.Generator().manual_seed(seed)  # chooses test pictures to try
        choices = {"option": option, "augment": augment or "auto"}
        one_of(choices, "option", list(OPTIONS.values()))
        one_of(choices, "augment", list(COPIES.values()))

        self.steps, self.files, self.camera = Steps(), Files(), Camera()
        self.made_button = button("Take the pictures made here")
        self.doubted = control(widgets.Dropdown, "Class", "auto", "24em")
        self.leave_button = button(LEAVE)
        self.leaving = widgets.HBox([self.doubted, self.leave_button], layout=WRAP)
        self.option = control(
            widgets.Dropdown, "What is trained", options=list(OPTIONS.items()), value=option
        )
        self.augment = control(
            widgets.Dropdown, "Augmentation", options=list(COPIES.items()),
            value=choices["augment"],
        )  # fmt: skip
        self.controls = {"option": self.option, "augment": self.augment}
        self.compare_button = button("Is it better than random layers?")
        self.labels_button = button("Would more training pictures help?")
        self.about, self.advice, self.result, self.verdict, self.earlier = (
            widgets.HTML() for _ in range(5)
        )
        # These scroll, with the keyboard too.
        self.shown, self.findings, self.mistakes = (
            widgets.HTML(tabbable=True).add_class("tlc-long") for _ in range(3)
        )
        self.panels = [
            columns([self.files, self.made_button, self.about], [self.shown]),
            widgets.VBox([self.leaving, self.findings]),
            columns([self.option, self.augment], [self.advice]),
            columns(
                [self.result, self.compare_button, self.labels_button, self.verdict],
                [self.mistakes, self.earlier],
            ),
            widgets.VBox([self.camera, widgets.HTML(f"<p>{ONWARD}</p>")]),
        ]
        self.on_change(self.steps, self._other_step, "chosen")
        self.on_message(self.steps, self._next, NEXT)
        self.on_click(self.made_button, lambda: self._take(self._made()), once=True)
        self.on_change(self.doubted, lambda _: self._show_doubted())
        self.on_click(self.leave_button, self._leave_out, once=True)
        self.on_change(self.controls.values(), lambda _: self._refresh())
        self.on_click(self.compare_button, self._compare, once=True)
        self.on_click(self.labels_button, self._more_labels, once=True)
        self.on_message(self.files, self._on_upload, BEGIN, PIECE, FAILED, data=True)
        self.on_message(self.camera, self._try, TEST, PICTURE, data=True)
        self.folder = self._given_folder or self._made()
        panels = widgets.VBox(self.panels).add_class("tlc-panels")
        self.lay_out([self.steps, panels])
        self._look(at_once=self._given_folder is None)

    # ------------------------------------------------------------------ pictures

    @property
    def is_made(self) -> bool:
        """Whether the current pictures are the ones that the course makes."""
        return self.folder == self._made_place()

    def _made_place(self) -> Path:
        return made_folder.folder_of_seed(self.making, self.seed)

    def _made(self) -> Path:
        return made_folder.made_folder(self._made_place(), self.seed)

    def _folders(self) -> dict[str, Path]:
        """The known folders by name in the state."""
        given = {self._given_folder.name: self._given_folder} if self._given_folder else {}
        return {"": self._made_place(), **upload.folders(self.own), **given}

    def _folder_name(self) -> str:
        """The name of the current folder in the state."""
        return "" if self.is_made else self.folder.name

    def _take(self, folder: Path) -> None:
        """Replace the current pictures by those in `folder`."""
        self.abandon()
        if folder != self.folder:
            self.folder, self.without, self.doubted.value = folder, (), None
        self._look()

    def _look(self, at_once: bool = False, step: int = PICTURES) -> None:
        """Check the pictures in the folder."""
        self._forget(step)
        folder, seed, without = self.folder, self.seed, self.without

        def look(looked: Callable[[float], None] | None = None) -> Looked:
            checked = own_folder.check(folder, seed=seed, looked=looked, without=without)
            findings = figures.findings(checked).data
            return Looked(checked, findings, str(thumbnails.some_files(checked)))

        def job(stop: threading.Event, tell: Callable[[float], None]) -> Looked | None:
            def looked(share: float) -> None:
                if stop.is_set():
                    raise _Stopped
                tell(share)

            try:
                return look(looked)
            except _Stopped:
                return None

        if at_once:
            self._looked(look())
        else:
            self._start("Looking through the pictures", job, self._looked)

    def _looked(self, looked: Looked) -> None:
        self.checked, self.findings.value, self.shown.value = looked
        checked = self.checked
        self.files.classes = list(checked.classes)
        self._offer_classes()
        self._refresh(f"{len(checked.train_files)} pictures to learn from.")
        saved, self._saved_training = self._saved_training, {}
        if saved and self._can_train and saved["pictures"] == _digest(checked):
            self._resume(saved)

    def _resume(self, saved: dict) -> None:
        """Restore the network that was trained on these pictures the last time."""
        train, test = self.checked.ready()
        net, option, seconds = files.load(self._network), saved["option"], saved["seconds"]
        adapted = Adapted(net, option, len(train), seconds, training.History()).tested(test)
        self._runs = saved["runs"]
        self._trained(Outcome(adapted, option, saved["augment"], "", train, test))

    @property
    def _network(self) -> Path:
        """The folder in which the last trained network is kept."""
        return self._kept_in.with_suffix("")

    def _offer_classes(self) -> None:
        """Offer every class to be left out or used again; a faulty one is preselected."""
        checked, chosen = self.checked, self.doubted.value
        names = sorted({*checked.classes, *checked.without})
        labels = [f"{name} (left out)" if name in checked.without else name for name in names]
        trained = {*map(own_folder.class_of, checked.train_files)}
        faulty = {*map(own_folder.class_of, checked.left_out)}
        doubtful = [chosen, *sorted({*names} - trained), *sorted(faulty), *names]
        with self.quietly():
            self.doubted.options = list(zip(labels, names, strict=True))
            self.doubted.value = next((name for name in doubtful if name in names), None)
        self._show_doubted()

    def _show_doubted(self) -> None:
        """Label the button with what it does to the chosen class."""
        self.leave_button.description = USE if self.doubted.value in self.without else LEAVE
        self.leave_button.disabled = self.doubted.value is None

    def _leave_out(self) -> None:
        """Leave the chosen class out, or use it again."""
        if self.busy or self._coming:
            raise CourseError("busy", f"{self._doing} is still under way: wait, or press Stop.")
        self.without = tuple(sorted({*self.without} ^ {self.doubted.value}))
        self._look(step=CHECK)

    def _forget(self, step: int) -> None:
        """Forget the check and all trainings, and show this step."""
        self.checked = None
        self.outcome, self._runs, self._rivals, self._curve = None, {}, {}, None
        self._training_record = {}
        for field in (
            self.shown, self.findings, self.result, self.verdict, self.mistakes, self.earlier
        ):  # fmt: skip
            field.value = ""
        self.files.classes, self.camera.answer, self.camera.things = [], {}, {}
        self._show_step(step)

    def _on_upload(self, message: dict, data: bytes) -> None:
        """Handle a message of the browser about an upload."""
        ((kind, content),) = message.items()
        try:
            if kind == "begin":
                self._begin(content)
            elif self._coming and content["id"] == self._coming.id:
                if kind == "failed":
                    raise CourseError(
                        "unreadable", "One of these files cannot be read: choose them once more."
                    )
                self._coming.upload.take(content["parts"], data)
                self._continue_upload()
        except Exception as error:
            self._end_upload("" if isinstance(error, CourseError) else "Something went wrong.")
            raise

    def _begin(self, begin: dict) -> None:
        self._end_upload("")
        into = None  # one class goes into the current folder if that was uploaded too
        if begin["kind"] == "class" and self.folder.parent == self.own:
            into = self.folder / "train" if (self.folder / "train").is_dir() else self.folder
        try:
            if self.busy:
                raise CourseError("busy", f"{self._doing} is still under way: wait, or press Stop.")
            files = list(map(tuple, begin["files"]))
            arriving = Upload(begin["kind"], begin["name"], files, self.own, into)
        except CourseError:
            self.files.send({"ended": begin["id"], "said": ""})
            raise
        arriving.skip(begin["some"], begin["skipped"])
        self._coming, self._doing = Coming(begin["id"], arriving), "Pictures are arriving"
        self._started_at = time.perf_counter()
        self._continue_upload()

    def _continue_upload(self) -> None:
        """Ask for the next piece, or move the pictures into place."""
        upload_id, arriving = self._coming
        if arriving.complete:
            self._start(
                "Moving the pictures into place",
                lambda stop, tell: arriving.finish(tell, stop),
                self._uploaded,
            )
        else:
            self._report(arriving.have / max(arriving.total, 1))
            self._refresh()
            self.files.send({"take": upload_id})

    def _uploaded(self, folder: Path) -> None:
        arriving, self._coming = self._coming, None
        summary = f"They are in {folder}. {arriving.upload.left_out()}".strip()
        self.files.send({"ended": arriving.id, "said": summary})
        root = folder.parent if folder.parent.parent == self.own else folder  # of train/
        self._take(root)

    def _end_upload(self, message: str) -> None:
        """Give up an upload under way, and send a message about it to the browser."""
        if self._coming:
            arriving, self._coming = self._coming, None
            arriving.upload.give_up()
            self.files.send({"ended": arriving.id, "said": message})
            self._refresh()

    # ------------------------------------------------------------------ steps

    @property
    def _can_train(self) -> bool:
        return self.checked is not None and self.checked.train is not None

    def _next(self, message: dict) -> None:
        """React to the button, unless its label has changed since the press."""
        if message["next"] != self.steps.next or not self.steps.able:
            return
        if self.steps.next == STOP:
            self._stop()
        elif self.steps.chosen == TRAIN:
            self._train()
        elif self.checked is None:
            self._look()
        else:
            step = {RESULT: TRY, TRY: TRAIN}.get(self.steps.chosen, self.steps.chosen + 1)
            self._show_step(step)

    def _other_step(self, step: int) -> None:
        self._show_step(step if step in range(len(NAMES)) else self._shown)

    def _show_step(self, step: int) -> None:
        """Show this step and hide the others."""
        self._shown = step
        with self.quietly():
            self.steps.chosen = step
        for number, panel in enumerate(self.panels):
            panel.layout.display = "" if number == step else "none"
        self._refresh("")

    def _refresh(self, news: str | None = None) -> None:
        """Write the note of each step again, and the label of the button."""
        checked, outcome = self.checked, self.outcome
        notes = ["", "", "", "", ""]
        if checked:
            notes[PICTURES] = f"{len(checked.classes)} classes"
            note = "all can be used"
            if checked.left_out:
                planted = " (planted faults)" if self.is_made else ""
                note = f"{len(checked.left_out)} left out{planted}"
            if checked.without:
                first, *others = checked.without
                note += f", without {f'{len(checked.without)} classes' if others else first}"
            notes[CHECK] = note if self._can_train else "fix something first"
        train = "Train"
        if self._can_train:
            self._advise()
            notes[TRAIN] = _way(*self._chosen()[:2])
        if outcome:
            way = _way(outcome.option, outcome.augment)
            notes[RESULT] = f"{way}: {_counted(outcome)}"
            train = "Train once more" if notes[TRAIN] == way else "Train with these settings"
        enabled = [True, checked is not None, self._can_train, bool(outcome), bool(outcome)]
        self.steps.steps = [
            {"name": name, "said": note, "able": is_enabled}
            for name, note, is_enabled in zip(NAMES, notes, enabled, strict=True)
        ]
        look = ("Next: what the checker found", True) if checked else (LOOK, True)
        following = {
            PICTURES: look,
            CHECK: ("Next: train", enabled[TRAIN]) if checked else look,
            TRAIN: (train, enabled[TRAIN]),
            RESULT: ("Next: try a picture", enabled[TRY]),
            TRY: ("Train in another way", enabled[TRAIN]),
        }[self.steps.chosen]
        busy = self.busy or self._coming is not None
        self.steps.next, self.steps.able = (STOP, True) if busy else following
        self.steps.quiet = self.steps.chosen == TRY and not busy
        if news is not None:
            self.steps.news = news
        if not busy:
            self.steps.share = -1
        where = MADE if self.is_made else f"These are in <i>{html.escape(str(self.folder))}</i>. "
        self.about.value = f"<p>{where}{ABOUT.format(html.escape(str(self.own)))}</p>"
        self.made_button.layout.display = "none" if self.is_made else ""

    # ------------------------------------------------------------------ work

    def _start(self, what: str, job: Callable, done: Callable[[Any], None]) -> None:
        """Run work with a progress bar and Stop; `done(result)` follows unless it was stopped."""
        self._doing, self._started_at = what, time.perf_counter()

        def finished(stop: threading.Event, tell: Callable[[float], None]) -> Any:
            result = job(stop, tell)
            return None if stop.is_set() else result

        def ended(result: Any) -> None:
            if result is None and self._coming:
                self._end_upload("Stopped; nothing was kept.")
            self._refresh("" if result is not None or self.told else f"{what}: stopped.")
            if result is not None:
                done(result)

        with ONE_AT_A_TIME:
            self.work(finished, self._report, ended, BETWEEN)
            self._report(0.0)
            self._refresh("")

    def _report(self, share: float) -> None:
        spent = time.perf_counter() - self._started_at
        left = spent / share * (1 - share) if share else 0
        self.steps.left = self._doing + (f", about {max(1, round(left))} s left" if share else " …")
        self.steps.share = share

    def _stop(self) -> None:
        if self._coming and not self.busy:
            self._end_upload("Stopped; nothing was kept.")
        self.stop()
        self._refresh()

    def abandon(self) -> None:
        """Give up work and any upload under way."""
        super().abandon()
        self._end_upload("")

    def close(self) -> None:
        """Close the experiment; nothing is left of an upload under way."""
        if self._coming:
            self._coming.upload.give_up()
        super().close()

    # ------------------------------------------------------------------ training

    def _chosen(self) -> tuple[str, bool, str]:
        """The option, whether it uses augmentation, and the reason if it is recommended."""
        images, classes = len(self.checked.train), len(self.checked.train.names)
        augment = None if self.augment.value == "auto" else self.augment.value
        chosen = recommended(images, classes, augment)
        if self.option.value != "auto":
            return self.option.value, chosen.augment, ""
        return chosen.option, chosen.augment, chosen.why

    def _advise(self) -> None:
        """Show what will be trained, and why."""
        if not self._can_train:
            self.advice.value = ""
            return
        option, copies, why = self._chosen()
        plain = {
            "1": "the borrowed layers are frozen, and only a new output layer is trained",
            "2": "it starts from the borrowed layers and a new output layer, and all are trained",
        }[option]
        learnt = "and from altered copies of it (augmentation)" if copies else "as it is"
        rows = [
            f"<b>Option {option}</b>: {plain}. It learns from each picture {learnt}.",
            f"Recommended, because {html.escape(why)}" if why else "You chose this yourself.",
            f"It learns from {len(self.checked.train):,} pictures, and is then tested on "
            f"{len(self.checked.test):,} others.",
        ]
        if copies:
            rows.append(
                "An altered copy is turned, sheared and stretched. Does it still belong to its "
                "class? If not, choose <i>no</i>."
            )
        self.advice.value = "".join(f"<p>{row}</p>" for row in rows)

    def _train(self) -> None:
        train, test = self.checked.ready()
        option, copies, _ = self._chosen()
        net, seed = self.net, self.seed
        how = {"option": option, "augment": "on" if copies else "off"}

        def job(stop: threading.Event, tell: Callable[[float], None]) -> Outcome:
            follow = Follow(tell, stop)
            return own_task.adapt_and_test(net, train, test, seed, follow=follow, **how)

        self._start("Training", job, self._trained)

    def _trained(self, outcome: Outcome) -> None:
        self.outcome, self._rivals, self._curve = outcome, {}, None
        way = _way(outcome.option, outcome.augment)
        low, high = (100 * end for end in outcome.interval)
        self.result.value = (
            f'<p>{way}:</p><p class="tlc-big">{_counted(outcome)}</p>'
            f"<p>That is {100 * outcome.right / len(outcome.test):.0f}%. With other pictures "
            f"of the same kind it could be {low:.0f}% to {high:.0f}% (95% interval)"
            f"{html.escape(outcome.warning)}.</p>"
        )
        self._runs.pop(way, None)
        self._runs[way] = {
            "what is trained": f"Option {outcome.option}",
            "augmentation": "yes" if outcome.augment else "no",
            "right": _counted(outcome).removesuffix(" right"),
            "seconds": f"{outcome.adapted.seconds:.1f}",
        }
        if len(self._runs) > 1:
            rows = table_of_rows([*self._runs.values()][::-1])
            self.earlier.value = f"<h4>Trained on these pictures</h4>{rows}<p>{EARLIER}</p>"
        self._training_record = {
            "pictures": _digest(self.checked), "option": outcome.option,
            "augment": outcome.augment, "seconds": outcome.adapted.seconds,
            "runs": dict(self._runs),
        }  # fmt: skip
        if self._kept_in:
            files.save(outcome.adapted.net, self._network, half=False, overwrite=True)
        self.verdict.value = ""
        self.mistakes.value = str(thumbnails.surest_mistakes(outcome, self.checked))
        first = {int(y): i for i, y in reversed(list(enumerate(outcome.train.y.tolist())))}
        self.camera.things = {
            name: thumbnails.thumbnail(self.checked.root / self.checked.train_files[first[label]])
            for label, name in enumerate(outcome.train.names)
            if label in first
        }
        self.camera.answer = {"words": ANY.format(len(outcome.train.names))}
        self._show_step(RESULT)
        self._refresh(f"Tested: {_counted(outcome)}.")

    def _compare(self) -> None:
        self._measure("Training random layers", own_task.right_by_rival, self._compared)

    def _compared(self, rivals: dict[str, torch.Tensor]) -> None:
        self._rivals = rivals
        self._judge("Compared with random layers.")

    def _more_labels(self) -> None:
        def curve(outcome: Outcome, seed: int, follow: Follow) -> pd.DataFrame:
            return own_task.more_labels(self.net, outcome, seed, follow=follow)

        self._measure("Training with fewer pictures", curve, self._curved)

    def _curved(self, curve: pd.DataFrame) -> None:
        self._curve = curve
        self._judge("Compared with fewer pictures.")

    def _measure(self, what: str, measure: Callable, done: Callable) -> None:
        if self.busy:
            raise CourseError("busy", f"{self._doing} is still under way: wait, or press Stop.")
        outcome, seed = self.outcome, self.seed
        self._start(
            what, lambda stop, tell: measure(outcome, seed, follow=Follow(tell, stop)), done
        )

    def _judge(self, news: str) -> None:
        sentences = own_task.verdict_sentences(self.outcome, self._rivals, self._curve)[1:]
        items = "".join(f"<li>{html.escape(sentence)}</li>" for sentence in sentences)
        self.verdict.value = f"<ul>{items}</ul>"
        self._refresh(news)

    # ------------------------------------------------------------------ trying a picture

    def _try(self, message: dict, data: bytes) -> None:
        if self.outcome is None:
            raise CourseError("nothing_trained", "Nothing is trained yet: press Train first.")
        test, true = self.checked.test_files, None
        if "test" in message:
            number = int(torch.randint(len(test), (1,), generator=self._draws))
            path = self.checked.root / test[number]
            name, (picture, _) = f"{legible(test[number])} (a test picture)", open_picture(path)
            true = int(self.outcome.test.y[number])
        else:
            name = printable(message["picture"])
            if len(data) > upload.MOST_BYTES:
                raise CourseError("too_large", f"{name} is too large: shrink it.")
            picture, _ = open_picture(data, name)
        if min(picture.size) < SMALLEST:
            raise CourseError(
                "too_small", f"{name} has fewer than {SMALLEST} pixels: take a larger one."
            )
        self._answer(name, picture, true)

    def _answer(self, name: str, picture: Image.Image, true: int | None) -> None:
        """Show the prediction for a picture, and whether it is right if the class is known."""
        x, names = picture_to_input(picture), self.outcome.train.names
        with machine.one_thread():
            shares = training.predict(self.outcome.adapted.net, x[None])[0].softmax(0)
        best = int(shares.argmax())
        verdict = ""
        if true is not None:
            verdict = f"{'Right' if best == true else 'Wrong'}: it is '{names[true]}'. "
        rest = "" if picture.width == picture.height >= SIZE else ", the rest in its edge's colour"
        shown = picture.copy()
        shown.thumbnail((SHOWN, SHOWN))
        self.camera.answer = {
            "seen": url_of(shown, "JPEG"),
            "got": url_of(_as_picture(x)),
            "how": f"what it gets, as in training: all of it in {SIZE}×{SIZE} pixels{rest}",
            "words": f"{name}: {names[best]}, {100 * shares[best]:.0f}% sure. {verdict}"
            + ANY.format(len(names)),
            "bars": bars_of_shares(shares, names),
        }

    # ------------------------------------------------------------------ state, still

    def settings(self) -> dict:
        return {
            "folder": self._folder_name(), "without": list(self.without), **super().settings()
        }  # fmt: skip

    def apply(self, settings: dict) -> None:
        name, folders = settings["folder"], self._folders() | {self._folder_name(): self.folder}
        here = isinstance(name, str) and name in folders and (not name or folders[name].is_dir())
        if not here:
            raise CourseError(
                "pictures_not_here",
                f"The state belongs to the pictures '{printable(str(name))}', which are not here, "
                "and pictures do not travel in the text: ask for them, choose them here, and paste "
                "the state again.",
            )
        without = settings["without"]
        if not is_like(without, [str]):
            raise CourseError(
                "incomplete_state",
                "The state does not say which classes are left out: copy it again.",
            )
        super().apply(settings)
        self.folder, self.without = folders[name], tuple(without)

    def trained(self) -> dict:
        return self._training_record or self._saved_training

    def bring_back(self, trained: dict) -> None:
        """Restore the network once the pictures have been checked."""
        self._saved_training = trained if is_like(trained, TRAINED) else {}

    def show(self) -> None:
        if self.is_made:
            self._made()
        self._look()

    def still(self) -> tuple[Picture, list[dict]]:
        """Some pictures and the number of each class; made ones if the learner's are not ready."""
        checked = self.checked
        if not self._can_train:
            checked = own_folder.check(self._made(), seed=self.seed)
        counts = checked.table().reset_index().to_dict("records")
        return figures.some_of_each(checked.train, "What it will learn from"), counts


class _Stopped(Exception):
    """The learner pressed Stop while the pictures were checked."""


def _digest(checked: Checked) -> str:
    """A hash of the names of the training and test pictures."""
    names = "\n".join([*map(str, checked.train_files), "", *map(str, checked.test_files)])
    return hashlib.sha256(names.encode("utf-8", "surrogateescape")).hexdigest()


def _way(option: str, copies: bool) -> str:
    """The way of training, in short."""
    return f"Option {option}{', augmented' if copies else ''}"


def _counted(outcome: Outcome) -> str:
    """How many of the test pictures are right, in words."""
    return f"{outcome.right:,} of {len(outcome.test):,} right"


def _as_picture(x: torch.Tensor) -> Image.Image:
    """A network input `[3, 32, 32]` as a picture."""
    return Image.fromarray((255 * to_picture(x)).round().byte().permute(1, 2, 0).numpy())
