"""Looks through a folder of your own pictures before anything is trained, and says what it found.

A folder holds `train/` and `test/` with a folder a class in each, or just a folder a class; then it
is split here. Everything is told at once, in plain words, with the files it is about. What would
make a result wrong is left out of the pictures that come back; nothing in the folder is changed.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from tqdm.auto import tqdm

from tl_course.base import stats, storage
from tl_course.base.errors import CourseError, printable, refusals_told
from tl_course.base.names import is_plain
from tl_course.data.examples import Examples
from tl_course.data.pictures import MOST_PIXELS, PictureError, open_picture
from tl_course.data.targets.folder import ENDINGS, SMALLEST, picture_to_input

PARTS = ("train", "test")
TEST_SHARE = 0.4  # of the pictures of each class, where the folder is split here
OTHER_FORMATS = (
    ".heic", ".heif", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".raw", ".dng", ".cr2",
    ".nef", ".svg", ".psd", ".jfif", ".jp2",
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


@dataclass(frozen=True)
class Seen:
    """One picture that can be read."""

    path: Path
    part: str
    label: str
    x: torch.Tensor  # [3, 32, 32], on the course's scale
    pixels: str  # a hash of all its pixels
    edges: np.ndarray  # bool [576]
    greys: np.ndarray  # [1024], of mean 0 and length 1
    transparent: bool


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
        parts = {"train": self.train_files, "test": self.test_files, "left out": self.left_out}
        counts = {
            part: Counter(Path(file).parent.name for file in files) for part, files in parts.items()
        }
        rows = [[own[name] for own in counts.values()] for name in self.classes]
        return pd.DataFrame(rows, pd.Index(self.classes, name="class"), [*counts])

    def __str__(self) -> str:
        head = (
            f"{printable(str(self.root), 500)}: {len(self.classes)} classes, "
            f"{len(self.train_files)} pictures to train on, {len(self.test_files)} to test on"
            + (f" (split here, {TEST_SHARE:.0%} for the test)" if self.was_split else "")
            + f", {len(self.left_out)} files left out."
        )
        told = [f"{i}. {finding}" for i, finding in enumerate(self.findings, 1)]
        return "\n".join([head, *(told or ["Nothing was found that should worry you."])])

    def ready(self) -> tuple[Examples, Examples]:
        """Training and test pictures; CourseError where something must be put right first."""
        if self.train is None or self.test is None:
            stops = "; ".join(f"{one.what}: {one.says}" for one in self.findings if one.stops)
            raise CourseError(f"Nothing can be trained on {self.root} yet: {stops}")
        return self.train, self.test


@refusals_told()
def check(
    folder: Path | str,
    test: Path | str | None = None,
    seed: int = 0,
    looked: Callable[[float], None] | None = None,
) -> Checked:
    """Look through `folder` (or `folder` and `test`, one a part) and say everything at once.

    `seed` decides how a folder without a test part is split. `looked` hears which share of the
    files (0 … 1) was read, and takes the place of the bar; what it raises ends the work. Raises
    CourseError where there is no such folder, or one that cannot be read.
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
    notes = _Notes(root if test is None else Path("."))
    seen: list[Seen] = []
    for number, (part, where) in enumerate(roots.items()):
        tell = None
        if looked is not None:

            def tell(share: float, before: int = number) -> None:
                looked((before + share) / len(roots))

        seen += _read(part, where, notes, tell)
    names = sorted({one.label for one in seen if one.part == "train"})
    strangers = [one.path for one in seen if one.label not in names]
    if strangers:
        says = "a network can only name classes that it was trained on; add training pictures"
        notes.add("classes that only the test has", says, strangers)
    seen = [one for one in seen if one.label in names]
    seen, groups, leaked = _without_copies(seen, notes)
    if "test" not in roots:
        seen = _split(seen, groups, seed)
    leaked = tuple(map(notes.name, leaked))
    return _result(root, names, seen, notes, "test" not in roots, leaked)


class _Notes:
    """Collects findings; files are named from the root, and `legible` makes a name readable."""

    def __init__(self, root: Path):
        self.root, self.findings = root, []

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
        self.findings.append(Finding(what, says, files, dropped, **more))


def _read(
    part: str, root: Path, notes: _Notes, tell: Callable[[float], None] | None = None
) -> list[Seen]:
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
    folders = [path for path in entries if path.is_dir()]
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
                seen = _look(path, part, folder.name)
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
    return Seen(path, part, label, picture_to_input(picture), pixels, edges, greys, transparent)


def signature(picture: Image.Image) -> tuple[np.ndarray, np.ndarray]:
    """What a picture is compared by: its edges, bool [576], and its greys, [1024] of length 1."""
    grey = picture.convert("L")

    def small(width: int, height: int) -> np.ndarray:
        return np.asarray(grey.resize((width, height), Image.Resampling.BOX), np.float32)

    across = np.diff(small(HASH_SIZE + 1, HASH_SIZE), axis=1).ravel()
    down = np.diff(small(HASH_SIZE, HASH_SIZE + 1), axis=0).ravel()
    steps = np.concatenate([across, -across, down, -down])
    greys = small(32, 32).ravel()
    greys = greys - greys.mean()
    return steps > HASH_STEP, greys / max(np.linalg.norm(greys), 1e-6)


def nearly_the_same(pictures: Sequence[Seen]) -> sparse.csr_array:
    """Which pairs i < j of pictures show nearly the same: bool [n, n].

    A thousand pictures that look alike make half a million pairs: nobody may go through them one
    by one.
    """
    edges = torch.from_numpy(np.stack([one.edges for one in pictures])).float()
    greys = torch.from_numpy(np.stack([one.greys for one in pictures]))
    counts, blocks = edges.sum(1), []
    for start in range(0, len(pictures), 1000):  # a thousand rows of the comparison at a time
        rows = slice(start, start + 1000)
        both = edges[rows] @ edges.T
        either = (counts[rows, None] + counts[None] - both).clamp_min(1)
        near = (1 - both / either <= NEAR_EDGES) & (greys[rows] @ greys.T >= NEAR_GREYS)
        near &= (counts[rows, None] >= LEAST_EDGES) & (counts[None] >= LEAST_EDGES)
        blocks.append(sparse.csr_array(near.triu(start + 1).numpy()))
    return sparse.vstack(blocks, format="csr")


def _near(pairs: sparse.csr_array, which: np.ndarray) -> np.ndarray:
    """What is nearly the same as one of `which`; both are bool [n]."""
    return (pairs @ which) | (pairs.T @ which)


def _without_copies(seen: list[Seen], notes: _Notes) -> tuple[list[Seen], list[int], list[Path]]:
    """What is left without copies that would falsify a result.

    Also the group of each that is left, of pictures that look alike, and the pictures of the test
    of which the training part had a copy.
    """
    if not seen:
        return [], [], []
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

    def drop(what: str, says: str, which: list[int], out: list[int]) -> None:
        if which:
            notes.add(what, says, paths(out), files=paths(which), is_copies=True)
            gone = set(out)
            copies[:] = [[i for i in some if i not in gone] for some in copies]

    trained = having("train")
    leaked = paths(of_part("test", among(trained | _near(pairs, trained))))
    twofold = among(len({seen[i].label for i in some}) > 1 for some in copies)
    drop(
        "in two classes",
        "the same picture has two labels, and one of them must be wrong; all copies are left out "
        "until you decide",
        twofold,
        twofold,
    )
    across = among(having("train") & having("test"))
    drop(
        "also in the test",
        "a network that has seen a test picture is not tested by it; the copies in the training "
        "part are left out",
        across,
        of_part("train", across),
    )
    trained, tested = having("train"), having("test")  # no look is in both any more
    across = among((trained & _near(pairs, tested)) | (tested & _near(pairs, trained)))
    drop(
        "nearly a picture of the test",
        "stored again, shrunk or taken a moment later, they show what a test picture shows; those "
        "in the training part are left out",
        across,
        of_part("train", across),
    )
    drop(
        "twice in a class",
        "a copy teaches nothing new and counts double; one of each is kept",
        among(len(some) > 1 for some in copies),
        [i for some in copies for i in some[1:]],
    )
    there = np.flatnonzero([bool(some) for some in copies])
    there = there[np.argsort([copies[i][0] for i in there])]
    left = [seen[copies[i][0]] for i in there]
    pairs = pairs[there][:, there]
    if pairs.nnz:
        labels = np.unique([one.label for one in left], return_inverse=True)[1].astype(np.int32)
        mixed = (labels.repeat(np.diff(pairs.indptr)) != labels[pairs.indices]).sum()
        close = np.flatnonzero(_near(pairs, np.ones(len(left), bool)))
        notes.add(
            "look alike",
            f"{pairs.nnz} pairs in the same part are nearly the same picture"
            + (f", {mixed} of them in two classes" if mixed else "")
            + "; they count for less than as many different ones, so look at them",
            files=[left[i].path for i in close],
        )
    return left, connected_components(pairs, directed=False)[1].tolist(), leaked


def _split(seen: list[Seen], groups: list[int], seed: int) -> list[Seen]:
    """Every class shared out by the seed; pictures of a group, which look alike, stay together."""
    of_group, of_label, given = defaultdict(list), defaultdict(dict), {}
    for one, group in zip(seen, groups, strict=True):
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
    gone = ", ".join(name for name in names if not in_train[name])
    if gone:
        says = f"{gone}: every training picture was left out, see above"
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
                f"with only {tested} test pictures, a score of 80% could really be anything from "
                f"{100 * low:.0f} to {100 * high:.0f}%. More pictures make it more certain.",
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
    x = torch.stack([one.x for one in seen]).contiguous(memory_format=torch.channels_last)
    return Examples(x, torch.tensor([names.index(one.label) for one in seen]), names)
