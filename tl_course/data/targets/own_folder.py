"""Looks through a folder of your own pictures before anything is trained, and says what it found.

A folder holds `train/` and `test/` with a folder a class in each, or just a folder a class; then it
is split here. Everything is told at once, in plain words, with the files it is about. What would
make a result wrong is left out of the pictures that come back; nothing in the folder is changed.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from tqdm.auto import tqdm

from tl_course.base import stats, storage
from tl_course.base.errors import CourseError, printable, refusals_told
from tl_course.base.names import composed, is_plain
from tl_course.data.examples import Examples
from tl_course.data.inputs import CHANNELS, SIZE
from tl_course.data.pictures import MOST_PIXELS, PictureError, open_picture
from tl_course.data.targets.folder import ENDINGS, SMALLEST, as_input, on_canvas

if TYPE_CHECKING:
    import pandas as pd

PARTS = ("train", "test")
TEST_SHARE = 0.4  # of the pictures of each class, where the folder is split here
OTHER_FORMATS = (
    ".heic", ".heif", ".bmp", ".tif", ".tiff", ".avif", ".raw", ".dng", ".cr2", ".nef", ".svg",
    ".psd", ".jp2",
)  # fmt: skip
FEW, FEW_TESTED = 5, 100  # labelled pictures a class, and pictures in the whole test
UNBALANCED = 3  # the largest class has so many times the pictures of the smallest

# Two pictures are nearly the same where their edges and their greys agree. Edges: shrunk to 12×12
# greys, is each brighter or darker by more than 3 of 255 than its neighbour to the left and above?
# (A "difference hash", 576 answers.) At most 0.3 of the answers that are yes in either may differ.
# Greys: a correlation of at least 0.98 at 32×32. Of 741 different pieces of photographs these find
# no two, of 5,000 digits one in 600; of pictures that were stored again as JPEG they find 94 to 99
# in 100, of brighter ones 97, of ones half the size 72, of ones that lost 2% at each side 32.
HASH_SIZE, HASH_STEP = 12, 3
NEAR_EDGES, NEAR_GREYS, LEAST_EDGES = 0.3, 0.98, 40
ROWS = 100  # pictures that are compared with all others at a time
MOST_PAIRS = 1_000_000  # as a thousand frames of a video make; then the search stops


@dataclass(frozen=True)
class Seen:
    """One picture that can be read."""

    path: Path
    part: str
    label: str
    canvas: np.ndarray  # uint8 [32, 32, 3], what a network gets to see
    pixels: str  # a hash of all its pixels
    edges: np.ndarray  # bool [576]
    greys: np.ndarray  # uint8 [1024]
    transparent: bool


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def class_of(file: str) -> str:
    """The class that a file's folder names; two ways to write an ä are one."""
    return composed(Path(file).parent.name)


def legible(file: str) -> str:
    """A file's name as it is shown to a person; the name itself finds the file."""
    return printable(file, 500)


@dataclass(frozen=True)
class Finding:
    """Something about the folder that a person should know."""

    what: str
    says: str  # why it matters, and what was done or is to be done
    files: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()  # of these, what is not used
    stops: bool = False  # nothing can be trained before this is put right
    is_copies: bool = False  # of pictures that are there more than once

    def in_short(self) -> str:
        """In a sentence, with the first of the files."""
        more = f" and {len(self.files) - 1} more" if len(self.files) > 1 else ""
        named = f" ({legible(self.files[0])}{more})" if self.files else ""
        return f"{self.what}{named}: {self.says}"

    def __str__(self) -> str:
        some = ", ".join(map(legible, self.files[:6]))
        some += f" and {len(self.files) - 6} more" if len(self.files) > 6 else ""
        mark = "STOP " if self.stops else ""
        return f"{mark}{self.what}: {self.says}" + (f"\n    {some}" if some else "")


@dataclass(frozen=True)
class Checked:
    """What was found, and what is left to train and to test on."""

    root: Path
    classes: tuple[str, ...]
    findings: tuple[Finding, ...]
    train: Examples | None  # None where a finding stops
    test: Examples | None
    train_files: tuple[str, ...] = ()
    test_files: tuple[str, ...] = ()
    was_split: bool = False
    leaked: tuple[str, ...] = ()  # test pictures of which the training part had a copy
    without: tuple[str, ...] = ()  # classes that are there, and that somebody left out

    @property
    def left_out(self) -> tuple[str, ...]:
        """Every file that is not used, once, in order."""
        return tuple(sorted({file for one in self.findings for file in one.left_out}))

    @property
    def copies(self) -> tuple[Finding, ...]:
        """What was found of pictures that are there more than once."""
        return tuple(one for one in self.findings if one.is_copies)

    def table(self) -> pd.DataFrame:
        """A row a class: pictures for training, for testing, and left out."""
        import pandas as pd

        parts = {"train": self.train_files, "test": self.test_files, "left out": self.left_out}
        counts = {part: Counter(map(class_of, files)) for part, files in parts.items()}
        rows = [[own[name] for own in counts.values()] for name in self.classes]
        return pd.DataFrame(rows, pd.Index(self.classes, name="class"), [*counts])

    def __str__(self) -> str:
        head = (
            f"{printable(str(self.root), 500)}: {len(self.classes)} classes, "
            f"{len(self.train_files)} pictures to train on, {len(self.test_files)} to test on"
            + (f" (split here, {TEST_SHARE:.0%} for the test)" if self.was_split else "")
            + f", {_counted(len(self.left_out), 'file')} left out."
        )
        told = [f"{i}. {finding}" for i, finding in enumerate(self.findings, 1)]
        return "\n".join([head, *(told or ["Nothing was found that should worry you."])])

    def ready(self) -> tuple[Examples, Examples]:
        """Training and test pictures; CourseError where something must be put right first."""
        if self.train is None or self.test is None:
            stops = "; ".join(one.in_short() for one in self.findings if one.stops)
            raise CourseError(f"Nothing can be trained on {self.root} yet: {stops}")
        return self.train, self.test


@refusals_told()
def check(
    folder: Path | str,
    test: Path | str | None = None,
    seed: int = 0,
    looked: Callable[[float], None] | None = None,
    leave_out: bool = True,
    without: Collection[str] = (),
) -> Checked:
    """Look through `folder` (or `folder` and `test`, one a part) and say everything at once.

    `seed` decides how a folder without a test part is split. `looked` hears which share of the
    files (0 … 1) was read, and takes the place of the bar; what it raises ends the work. Without
    `leave_out`, where the test is given, copies are used as well, and what cannot be used stops.
    The classes `without` are as if they were not there.
    Raises CourseError where there is no such folder, or one that cannot be read.
    """
    root = Path(folder)
    for wanted in (root, *([Path(test)] if test is not None else [])):
        if not wanted.is_dir():
            raise CourseError(
                f"There is no folder {wanted}; give one that holds one folder per class."
            )
        storage.check_name(wanted)
    if test is not None:
        roots = {"train": root, "test": Path(test)}
    elif all((root / part).is_dir() for part in PARTS):
        roots = {part: root / part for part in PARTS}
    else:
        roots = {"train": root}
    leave_out = leave_out or "test" not in roots
    notes = _Notes(root if test is None else Path("."), leave_out)
    there = {
        composed(one.name) for some in roots.values() for one in some.iterdir() if one.is_dir()
    }
    without = tuple(sorted(there.intersection(without)))
    if without:
        named = ", ".join(map(legible, without))
        notes.add("classes that you left out", f"{named}; none of these pictures is used")
    seen: list[Seen] = []
    for number, (part, where) in enumerate(roots.items()):
        tell = None
        if looked is not None:

            def tell(share: float, before: int = number) -> None:
                looked((before + share) / len(roots))

        seen += _read(part, where, notes, without, tell)
    names = sorted({one.label for one in seen if one.part == "train"})
    strangers = [one.path for one in seen if one.label not in names]
    if strangers:
        says = "a network can only name classes that it was trained on; add training pictures"
        notes.add("classes that only the test has", says, strangers)
    seen = [one for one in seen if one.label in names]
    left, alike, leaked = _without_copies(seen, notes)
    if "test" not in roots:
        left = _split(left, alike, seed)
    seen = left if leave_out else seen
    leaked = tuple(map(notes.name, leaked))
    checked = _result(root, names, seen, notes, "test" not in roots, leaked)
    return replace(checked, without=without)


class _Notes:
    """Collects findings; files are named from the root, and `legible` makes a name readable."""

    def __init__(self, root: Path, leave_out: bool = True):
        self.root, self.leave_out, self.findings = root, leave_out, []

    def name(self, path: Path) -> str:
        try:
            path = path.relative_to(self.root)
        except ValueError:
            pass  # of the other part
        return path.as_posix()

    def add(self, what: str, says: str, out: Iterable[Path] = (), **more) -> None:
        """Something found; `out` is not used, and of that it is unless there are other `files`."""
        dropped = tuple(map(self.name, out))
        files = tuple(map(self.name, more.pop("files", out)))
        stops = more.pop("stops", False) or (what in WANTED and not self.leave_out)
        self.findings.append(Finding(what, says, files, dropped, stops, **more))


def _read(
    part: str, root: Path, notes: _Notes, without: Collection[str] = (),
    tell: Callable[[float], None] | None = None,
) -> list[Seen]:  # fmt: skip
    """Every picture of one part that can be read; the rest is noted."""
    entries = sorted(path for path in root.iterdir() if not path.name.startswith("."))
    readable = (*ENDINGS, *OTHER_FORMATS)
    loose = [path for path in entries if path.is_file() and path.suffix.lower() in readable]
    if loose:
        notes.add(
            "no label",
            "these lie beside the class folders, so that nobody knows what they show; put each "
            "into the folder of its class",
            loose,
        )
    folders = [path for path in entries if path.is_dir() and composed(path.name) not in without]
    nameless = [folder for folder in folders if not is_plain(folder.name)]
    if nameless:
        notes.add(
            "names that are not text",
            "there are control characters in them, or bytes that are not UTF-8 (they may be "
            "Latin-1), so that nothing can be written about these classes; rename the folders",
            files=nameless,
            stops=True,
        )
    files = {folder: sorted(folder.iterdir()) for folder in folders if folder not in nameless}
    found, unused, looks = [], defaultdict(list), 0
    total = sum(map(len, files.values()))
    hidden = {"disable": True} if tell else {"leave": False, "delay": 2}
    with tqdm(total=total, desc=root.name, **hidden) as bar:
        for folder, paths in files.items():
            before = len(found)
            for path in paths:
                bar.update()
                if tell:
                    looks += 1
                    tell(looks / total)
                if path.name.startswith(".") or path.name == "Thumbs.db":
                    continue  # what operating systems leave behind
                seen = _look(path, part, composed(folder.name))
                if isinstance(seen, Seen):
                    found.append(seen)
                else:
                    unused[seen].append(path)
            if len(found) == before:
                unused["classes without a picture"].append(folder)
    for what, says in UNUSED.items():
        if unused[what]:
            notes.add(what, says, unused[what])
    shown = [one.path for one in found if one.transparent]
    if shown:
        says = "their transparent parts are shown on white; say so if yours are not"
        notes.add("transparent", says, files=shown)
    return found


UNUSED = {  # what is not used: why, and what is to be done
    "unreadable": "called pictures, but they cannot be opened; save them again or delete them",
    "too small": f"fewer than {SMALLEST} pixels wide or high, which shows nothing; take larger "
    "ones",
    "too large": f"more than {MOST_PIXELS / 1e6:.0f} million pixels; shrink them",
    "another format": "pictures of a format that is not read here; store them again as JPEG or PNG "
    "and they count",
    "no picture": "not pictures, and ignored",
    "folders inside class folders": "only pictures right inside the folder of a class are read; "
    "move them up",
    "classes without a picture": "nothing in them can be read; fill or delete them",
}
WANTED = (  # what somebody meant to use: without `leave_out` it stops
    "no label", "unreadable", "too small", "too large", "classes without a picture",
    "classes that only the test has",
)  # fmt: skip


def _look(path: Path, part: str, label: str) -> Seen | str:
    """The picture at `path`, or which of `UNUSED` it is."""
    if path.is_dir():
        return "folders inside class folders"
    if path.suffix.lower() not in ENDINGS:
        return "another format" if path.suffix.lower() in OTHER_FORMATS else "no picture"
    try:
        picture, transparent = open_picture(path)
    except PictureError as error:
        return "too large" if error.kind == "too large" else "unreadable"
    if min(picture.size) < SMALLEST:
        return "too small"
    pixels = hashlib.sha256(f"{picture.size}".encode() + picture.tobytes()).hexdigest()
    edges, greys = signature(picture)
    return Seen(path, part, label, on_canvas(picture), pixels, edges, greys, transparent)


def signature(picture: Image.Image) -> tuple[np.ndarray, np.ndarray]:
    """What a picture is compared by: its edges, bool [576], and its greys, uint8 [1024]."""
    grey = picture.convert("L")

    def small(width: int, height: int) -> np.ndarray:
        return np.asarray(grey.resize((width, height), Image.Resampling.BOX))

    across = np.diff(small(HASH_SIZE + 1, HASH_SIZE).astype(np.int16), axis=1).ravel()
    down = np.diff(small(HASH_SIZE, HASH_SIZE + 1).astype(np.int16), axis=0).ravel()
    steps = np.concatenate([across, -across, down, -down])
    return steps > HASH_STEP, small(32, 32).ravel()


def nearly_the_same(pictures: Sequence[Seen]) -> tuple[torch.Tensor, torch.Tensor]:
    """Which pairs of pictures show nearly the same, places i < j: int64 `[pairs]` for each.

    They are fewer than `MOST_PAIRS` where all were found. The outlines tell most pairs apart: two
    pictures correlate at most as their 8×8 means do and what these leave out together.
    """
    edges = torch.from_numpy(np.stack([one.edges for one in pictures]))
    told = (edges.sum(1) >= LEAST_EDGES).nonzero()[:, 0]  # others show too little to be compared
    edges = edges[told].float()
    greys = torch.from_numpy(np.stack([one.greys for one in pictures]))[told].float()
    greys -= greys.mean(1, keepdim=True)
    greys /= greys.norm(dim=1, keepdim=True).clamp_min(1e-6)
    outline = 4 * greys.view(-1, 8, 4, 8, 4).mean((2, 4)).flatten(1)
    left_out = (1 - outline.square().sum(1, keepdim=True)).clamp_min(0).sqrt()
    outline = torch.cat([outline, left_out], 1)
    counts, found = edges.sum(1), [torch.empty(2, 0, dtype=torch.long)]
    for start in range(0, len(told), ROWS):
        rows = slice(start, start + ROWS)
        may_be = outline[rows] @ outline[start:].T > NEAR_GREYS - 1e-4
        others = start + may_be.any(0).nonzero()[:, 0]
        both = edges[rows] @ edges[others].T
        either = (counts[rows, None] + counts[others] - both).clamp_min(1)
        near = (1 - both / either <= NEAR_EDGES) & (greys[rows] @ greys[others].T >= NEAR_GREYS)
        near &= others > torch.arange(start, start + len(near))[:, None]
        one, other = near.nonzero(as_tuple=True)
        found.append(torch.stack([told[start + one], told[others[other]]]))
        if sum(some.shape[1] for some in found) >= MOST_PAIRS:
            break
    return tuple(torch.cat(found, 1)[:, :MOST_PAIRS])


def _near(pairs: tuple[torch.Tensor, torch.Tensor], which: np.ndarray) -> np.ndarray:
    """What is nearly the same as one of `which`; both are bool [n]."""
    one, other = (some.numpy() for some in pairs)
    near = np.zeros(len(which), bool)
    near[one[which[other]]] = near[other[which[one]]] = True
    return near


def _without_copies(seen: list[Seen], notes: _Notes) -> tuple[list[Seen], torch.Tensor, list[Path]]:
    """What is left without copies that would falsify a result.

    Also the pairs of them that look alike, int64 `[2, pairs]`, and the pictures of the test of
    which the training part had a copy.
    """
    if not seen:
        return [], torch.empty(2, 0), []
    same = defaultdict(list)
    for number, one in enumerate(seen):
        same[one.pixels].append(number)
    copies = list(same.values())  # numbers of pictures of which every pixel is the same
    pairs = nearly_the_same([seen[some[0]] for some in copies])

    def having(part: str) -> np.ndarray:
        return np.array([any(seen[i].part == part for i in some) for some in copies])

    def among(wanted: Iterable[bool]) -> list[int]:
        return [i for some, one in zip(copies, wanted, strict=True) if one for i in some]

    def of_part(part: str, which: list[int]) -> list[int]:
        return [i for i in which if seen[i].part == part]

    def paths(which: list[int]) -> list[Path]:
        return [seen[i].path for i in sorted(which)]

    def drop(what: str, says: str, done: str, which: list[int], out: list[int]) -> None:
        if which:
            dropped = paths(out) if notes.leave_out else []
            done = done if notes.leave_out else "they are used all the same"
            notes.add(what, f"{says}; {done}", dropped, files=paths(which), is_copies=True)
            gone = set(out)
            copies[:] = [[i for i in some if i not in gone] for some in copies]

    trained = having("train")
    leaked = paths(of_part("test", among(trained | _near(pairs, trained))))
    twofold = among(len({seen[i].label for i in some}) > 1 for some in copies)
    drop(
        "in two classes",
        "the same picture has two labels, and one of them must be wrong",
        "all copies are left out until you decide",
        twofold,
        twofold,
    )
    across = among(having("train") & having("test"))
    drop(
        "also in the test",
        "a network that has seen a test picture is not tested by it",
        "the copies in the training part are left out",
        across,
        of_part("train", across),
    )
    trained, tested = having("train"), having("test")  # no look is in both any more
    across = among((trained & _near(pairs, tested)) | (tested & _near(pairs, trained)))
    drop(
        "nearly a picture of the test",
        "stored again, shrunk or taken a moment later, they show what a test picture shows",
        "those in the training part are left out",
        across,
        of_part("train", across),
    )
    drop(
        "twice in a class",
        "a copy teaches nothing new and counts double",
        "one of each is kept",
        among(len(some) > 1 for some in copies),
        [i for some in copies for i in some[1:]],
    )
    there = np.flatnonzero([bool(some) for some in copies])
    there = there[np.argsort([copies[i][0] for i in there])]
    left = [seen[copies[i][0]] for i in there]
    if len(pairs[0]) == MOST_PAIRS:
        notes.add(
            "many look alike",
            f"the search for such pictures stopped at {MOST_PAIRS:,} pairs, so more pictures may "
            "look like those of the test; of a video, take a frame every few seconds",
        )
    place = np.full(len(copies), -1)
    place[there] = np.arange(len(left))
    pairs = torch.from_numpy(place)[torch.stack(pairs)]
    pairs = pairs[:, (pairs >= 0).all(0)]
    if pairs.numel():
        labels = torch.from_numpy(np.unique([one.label for one in left], return_inverse=True)[1])
        mixed = int((labels[pairs[0]] != labels[pairs[1]]).sum())
        notes.add(
            "look alike",
            f"{_counted(pairs.shape[1], 'pair')} in the same part "
            f"{'is' if pairs.shape[1] == 1 else 'are'} nearly the same picture"
            + (f", {mixed} of them in two classes" if mixed else "")
            + "; they count for less than as many different ones, so look at them",
            files=[left[i].path for i in pairs.unique().tolist()],
        )
    return left, pairs, leaked


def _groups(pairs: torch.Tensor, n: int) -> list[int]:
    """A number for each of n pictures, the same for those that pairs of look-alikes connect."""
    from scipy import sparse

    connected = sparse.coo_array((np.ones(pairs.shape[1], bool), pairs.numpy()), (n, n))
    return sparse.csgraph.connected_components(connected, directed=False)[1].tolist()


def _split(seen: list[Seen], pairs: torch.Tensor, seed: int) -> list[Seen]:
    """Every class shared out by the seed; pictures of a group, which look alike, stay together."""
    of_group, of_label, given = defaultdict(list), defaultdict(dict), {}
    for one, group in zip(seen, _groups(pairs, len(seen)), strict=True):
        of_group[group].append(one.path)
        of_label[one.label][one.path] = of_group[group]
    for label, together in sorted(of_label.items()):
        rng = np.random.default_rng([seed, *label.encode()])
        wanted, taken = max(1, round(TEST_SHARE * len(together))), 0
        firsts = {paths[0]: paths for paths in together.values()}
        for first in rng.permutation(sorted(firsts, key=str)):
            if first not in given:
                size = len(firsts[first])
                into_test = taken + size <= min(wanted, len(together) - 1)
                taken += size * into_test
                given |= dict.fromkeys(firsts[first], "test" if into_test else "train")
    return [replace(one, part=given[one.path]) for one in seen]


def _result(root, names: list[str], seen: list[Seen], notes: _Notes, was_split, leaked) -> Checked:
    of = {part: [one for one in seen if one.part == part] for part in PARTS}
    in_train, in_test = (Counter(one.label for one in of[part]) for part in PARTS)
    if len(names) < 2:
        told = f"only '{names[0]}' has" if names else "no class has"
        notes.add(
            "too few classes",
            f"{told} pictures to train on; to tell classes apart, at least two are needed, each in "
            "a folder named after it",
            stops=True,
        )
    gone = [name for name in names if not in_train[name]]
    if gone:
        why = [one for one in notes.findings if {*map(class_of, one.left_out)}.intersection(gone)]
        named = " and ".join(dict.fromkeys(f"“{one.what}”" for one in why))
        says = (
            f"{', '.join(gone)}: every training picture was left out, for what is said under "
            f"{named}; put that right, or leave the class out"
        )
        notes.add("classes with nothing left", says, stops=True)
    if names and not of["test"]:
        notes.add(
            "no test",
            "without pictures that it was not trained on, nobody knows what it can do; give at "
            "least 20 a class",
            stops=True,
        )
    elif len(names) > 1:
        missing = ", ".join(name for name in names if not in_test[name])
        if missing:
            says = f"nothing is known about {missing}; the accuracy is about the others"
            notes.add("classes without a test", says)
        tested = len(of["test"])
        if tested < FEW_TESTED:
            low, high = stats.share(round(0.8 * tested), tested)
            notes.add(
                "a small test",
                f"with only {_counted(tested, 'test picture')}, a score of 80% could really be "
                f"anything from {100 * low:.0f} to {100 * high:.0f}%. More pictures make it more "
                "certain.",
            )
    few = ", ".join(name for name in names if 0 < in_train[name] < FEW)
    if few:
        notes.add(
            "few pictures",
            f"{few}: fewer than {FEW} to learn from; what such a class looks like is "
            "then a matter of luck",
        )
    sizes = [in_train[name] for name in names if in_train[name]]
    if len(sizes) > 1 and max(sizes) > UNBALANCED * min(sizes):
        largest = in_train.most_common(1)[0][0]
        notes.add(
            "unbalanced",
            f"'{largest}' has {max(sizes)} training pictures, the smallest class {min(sizes)}; "
            "an accuracy then says most about the large classes, so look at the confusion",
        )
    found = tuple(sorted(notes.findings, key=lambda one: not one.stops))
    files = [tuple(notes.name(one.path) for one in of[part]) for part in PARTS]
    stops = any(one.stops for one in found)
    parts = [None if stops else _examples(of[part], tuple(names)) for part in PARTS]
    return Checked(root, tuple(names), found, *parts, *files, was_split, leaked)


def _examples(seen: list[Seen], names: tuple[str, ...]) -> Examples:
    x = torch.empty(len(seen), SIZE, SIZE, CHANNELS).permute(0, 3, 1, 2)
    for place, one in zip(x, seen, strict=True):
        place.copy_(as_input(one.canvas))
    numbers = {name: number for number, name in enumerate(names)}
    return Examples(x, torch.tensor([numbers[one.label] for one in seen]), names)
