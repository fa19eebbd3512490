"""Checks a folder of your own pictures before anything is trained.

The folder holds `train/` and `test/` with one folder per class, or only folders per class, which
are split here. `check` reports all findings at once, each with its files. Pictures that would make
a result wrong are not used; nothing in the folder is changed.
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
from tl_course.data.targets.folder import ENDINGS, SMALLEST, canvas_as_input, on_canvas

if TYPE_CHECKING:
    import pandas as pd

PARTS = ("train", "test")
TEST_SHARE = 0.4  # of the pictures of each class, where the folder is split here
OTHER_FORMATS = (
    ".heic", ".heif", ".bmp", ".tif", ".tiff", ".avif", ".raw", ".dng", ".cr2", ".nef", ".svg",
    ".psd", ".jp2",
)  # fmt: skip
FEW, FEW_TESTED = 5, 100  # labelled pictures per class, and pictures in the whole test
UNBALANCED = 3  # times as many pictures in the largest class as in the smallest

# Two pictures are nearly the same if their edges and their greys agree. Edges are a "difference
# hash" of 576 answers: at 12×12 greys, is a pixel brighter or darker by more than 3 of 255 than its
# neighbour to the left and above? Of the answers that are yes in either, 0.3 may differ. Greys must
# correlate by 0.98 at 32×32. Of 741 different pieces of photographs no two are found, of 5,000
# digits one in 600. Of 100 pictures that were changed, 94 to 99 are found after JPEG compression,
# 97 if they are brighter, 72 at half the size, and 32 after losing 2% at each side.
HASH_SIZE, HASH_STEP = 12, 3
NEAR_EDGES, NEAR_GREYS, LEAST_EDGES = 0.3, 0.98, 40
ROWS = 100  # pictures that are compared with all others at once
MOST_PAIRS = 1_000_000  # where the search stops; a video of a thousand frames has as many


@dataclass(frozen=True)
class Seen:
    """A picture that can be read."""

    path: Path
    part: str
    label: str
    canvas: np.ndarray  # uint8 [32, 32, 3], as the network sees it
    pixels: str  # a hash of all its pixels
    edges: np.ndarray  # bool [576]
    greys: np.ndarray  # uint8 [1024]
    transparent: bool


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def class_of(file: str) -> str:
    """The class that a file's folder names, in composed Unicode."""
    return composed(Path(file).parent.name)


def legible(file: str) -> str:
    """A file's name with its unprintable characters replaced, to show to a person."""
    return printable(file, 500)


@dataclass(frozen=True)
class Finding:
    """A fact about the folder that a person should know."""

    what: str
    says: str  # why it matters, and what was done or should be done
    files: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()  # those of the files that are not used
    stops: bool = False  # nothing can be trained before this is put right
    is_copies: bool = False  # whether it is about copies

    def in_short(self) -> str:
        """A sentence with the first of the files."""
        more = f" and {len(self.files) - 1} more" if len(self.files) > 1 else ""
        named = f" ({legible(self.files[0])}{more})" if self.files else ""
        return f"{self.what}{named}: {self.says}"

    def __str__(self) -> str:
        names = ", ".join(map(legible, self.files[:6]))
        names += f" and {len(self.files) - 6} more" if len(self.files) > 6 else ""
        mark = "STOP " if self.stops else ""
        return f"{mark}{self.what}: {self.says}" + (f"\n    {names}" if names else "")


@dataclass(frozen=True)
class Checked:
    """The findings about a folder, and the pictures to train and test on."""

    root: Path
    classes: tuple[str, ...]
    findings: tuple[Finding, ...]
    train: Examples | None  # None if a finding stops
    test: Examples | None
    train_files: tuple[str, ...] = ()
    test_files: tuple[str, ...] = ()
    was_split: bool = False
    leaked: tuple[str, ...] = ()  # test pictures with a copy among the training pictures
    without: tuple[str, ...] = ()  # classes of the folder that the learner excluded

    @property
    def left_out(self) -> tuple[str, ...]:
        """Every file that is not used, sorted."""
        return tuple(sorted({file for finding in self.findings for file in finding.left_out}))

    @property
    def copies(self) -> tuple[Finding, ...]:
        """The findings about copies of pictures."""
        return tuple(finding for finding in self.findings if finding.is_copies)

    def table(self) -> pd.DataFrame:
        """A row per class: the numbers of pictures for training, for testing, and left out."""
        import pandas as pd

        parts = {"train": self.train_files, "test": self.test_files, "left out": self.left_out}
        counts = {part: Counter(map(class_of, files)) for part, files in parts.items()}
        rows = [[of_class[name] for of_class in counts.values()] for name in self.classes]
        return pd.DataFrame(rows, pd.Index(self.classes, name="class"), [*counts])

    def __str__(self) -> str:
        head = (
            f"{printable(str(self.root), 500)}: {len(self.classes)} classes, "
            f"{len(self.train_files)} pictures to train on, {len(self.test_files)} to test on"
            + (f" (split here, {TEST_SHARE:.0%} for the test)" if self.was_split else "")
            + f", {_counted(len(self.left_out), 'file')} left out."
        )
        numbered = [f"{i}. {finding}" for i, finding in enumerate(self.findings, 1)]
        return "\n".join([head, *(numbered or ["Nothing was found that should worry you."])])

    def ready(self) -> tuple[Examples, Examples]:
        """Training and test pictures; CourseError if something must be put right first."""
        if self.train is None or self.test is None:
            stops = "; ".join(finding.in_short() for finding in self.findings if finding.stops)
            raise CourseError(
                "nothing_to_train", f"Nothing can be trained on {self.root} yet: {stops}"
            )
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
    """Check `folder` (or `folder` to train on and `test`) and report every finding at once.

    `seed` decides how a folder without a test part is split. `looked` is called with the share of
    the files that was read (0 … 1), instead of a bar; it may raise to end the work. Without
    `leave_out`, if there is a test part, copies are used too, and a file that cannot be used stops.
    The classes `without` are ignored. Raises CourseError if a folder is missing or unreadable.
    """
    root = Path(folder)
    for path in (root, *([Path(test)] if test is not None else [])):
        if not path.is_dir():
            raise CourseError(
                "no_folder", f"There is no folder {path}; give one that holds one folder per class."
            )
        storage.check_name(path)
    if test is not None:
        roots = {"train": root, "test": Path(test)}
    elif all((root / part).is_dir() for part in PARTS):
        roots = {part: root / part for part in PARTS}
    else:
        roots = {"train": root}
    is_split_here = "test" not in roots
    notes = _Notes(root if test is None else Path("."), leave_out or is_split_here)
    paths = (path for part_root in roots.values() for path in part_root.iterdir())
    without = tuple(sorted({composed(p.name) for p in paths if p.is_dir()}.intersection(without)))
    if without:
        names = ", ".join(map(legible, without))
        notes.add("classes that you left out", f"{names}; none of these pictures is used")
    pictures: list[Seen] = []
    for number, (part, part_root) in enumerate(roots.items()):
        tell = None
        if looked is not None:

            def tell(share: float, before: int = number) -> None:
                looked((before + share) / len(roots))

        pictures += _read(part, part_root, notes, without, tell)
    classes = sorted({picture.label for picture in pictures if picture.part == "train"})
    strangers = [picture.path for picture in pictures if picture.label not in classes]
    if strangers:
        says = "a network can only name classes that it was trained on; add training pictures"
        notes.add("classes that only the test has", says, strangers)
    pictures = [picture for picture in pictures if picture.label in classes]
    different, pairs, leaked = _without_copies(pictures, notes)
    if is_split_here:
        pictures = _split(different, pairs, seed)
    elif leave_out:
        pictures = different
    checked = _result(root, classes, pictures, notes)
    leaked = tuple(map(notes.name, leaked))
    return replace(checked, was_split=is_split_here, leaked=leaked, without=without)


class _Notes:
    """Collects findings; files are named relative to the root."""

    def __init__(self, root: Path, leave_out: bool = True):
        self.root, self.leave_out, self.findings = root, leave_out, []

    def name(self, path: Path) -> str:
        try:
            path = path.relative_to(self.root)
        except ValueError:
            pass  # of the other part
        return path.as_posix()

    def add(self, what: str, says: str, left_out: Iterable[Path] = (), **more) -> None:
        """Add a finding about `files`, by default those that are `left_out`."""
        files = tuple(map(self.name, more.pop("files", left_out)))
        stops = more.pop("stops", False) or (what in WANTED and not self.leave_out)
        unused = tuple(map(self.name, left_out))
        self.findings.append(Finding(what, says, files, unused, stops, **more))


def _read(
    part: str, root: Path, notes: _Notes, without: Collection[str] = (),
    tell: Callable[[float], None] | None = None,
) -> list[Seen]:  # fmt: skip
    """The pictures of one part that can be read; findings about the rest go into `notes`."""
    entries = sorted(path for path in root.iterdir() if not path.name.startswith("."))
    endings = (*ENDINGS, *OTHER_FORMATS)
    loose = [path for path in entries if path.is_file() and path.suffix.lower() in endings]
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
    pictures, unused, read = [], defaultdict(list), 0
    total = sum(map(len, files.values()))
    hidden = {"disable": True} if tell else {"leave": False, "delay": 2}
    with tqdm(total=total, desc=root.name, **hidden) as bar:
        for folder, paths in files.items():
            before = len(pictures)
            for path in paths:
                bar.update()
                if tell:
                    read += 1
                    tell(read / total)
                if path.name.startswith(".") or path.name == "Thumbs.db":
                    continue  # operating systems leave these behind
                picture, problem = _picture(path, part, composed(folder.name))
                if picture:
                    pictures.append(picture)
                else:
                    unused[problem].append(path)
            if len(pictures) == before:
                unused["classes without a picture"].append(folder)
    for what, says in UNUSED.items():
        if unused[what]:
            notes.add(what, says, unused[what])
    transparent = [picture.path for picture in pictures if picture.transparent]
    if transparent:
        says = "their transparent parts are shown on white; say so if yours are not"
        notes.add("transparent", says, files=transparent)
    return pictures


UNUSED = {  # why a file is not used, and what to do about it
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
WANTED = (  # files that somebody meant to use; without `leave_out` these findings stop
    "no label", "unreadable", "too small", "too large", "classes without a picture",
    "classes that only the test has",
)  # fmt: skip


def _picture(path: Path, part: str, label: str) -> tuple[Seen | None, str]:
    """The picture at `path`, or None and the key in `UNUSED` that says why."""
    if path.is_dir():
        return None, "folders inside class folders"
    if path.suffix.lower() not in ENDINGS:
        return None, "another format" if path.suffix.lower() in OTHER_FORMATS else "no picture"
    try:
        picture, transparent = open_picture(path)
    except PictureError as error:
        return None, "too large" if error.code == "too_large" else "unreadable"
    if min(picture.size) < SMALLEST:
        return None, "too small"
    pixels = hashlib.sha256(f"{picture.size}".encode() + picture.tobytes()).hexdigest()
    edges, greys = signature(picture)
    canvas = on_canvas(picture)
    return Seen(path, part, label, canvas, pixels, edges, greys, transparent), ""


def signature(picture: Image.Image) -> tuple[np.ndarray, np.ndarray]:
    """The edges of a picture, bool [576], and its greys, uint8 [1024], to compare it by."""
    grey = picture.convert("L")

    def small(width: int, height: int) -> np.ndarray:
        return np.asarray(grey.resize((width, height), Image.Resampling.BOX))

    across = np.diff(small(HASH_SIZE + 1, HASH_SIZE).astype(np.int16), axis=1).ravel()
    down = np.diff(small(HASH_SIZE, HASH_SIZE + 1).astype(np.int16), axis=0).ravel()
    steps = np.concatenate([across, -across, down, -down])
    return steps > HASH_STEP, small(32, 32).ravel()


def nearly_the_same(pictures: Sequence[Seen]) -> tuple[torch.Tensor, torch.Tensor]:
    """The pairs of pictures that show nearly the same, indices i < j: int64 `[pairs]` for each.

    There are `MOST_PAIRS` at most. Comparing outlines first rules most pairs out: the correlation
    of two pictures is at most that of their 8×8 means, plus that of what the means leave out.
    """
    edges = torch.from_numpy(np.stack([picture.edges for picture in pictures]))
    compared = (edges.sum(1) >= LEAST_EDGES).nonzero()[:, 0]  # other pictures show too little
    edges = edges[compared].float()
    greys = torch.from_numpy(np.stack([picture.greys for picture in pictures]))[compared].float()
    greys -= greys.mean(1, keepdim=True)
    greys /= greys.norm(dim=1, keepdim=True).clamp_min(1e-6)
    outline = 4 * greys.view(-1, 8, 4, 8, 4).mean((2, 4)).flatten(1)
    remainder = (1 - outline.square().sum(1, keepdim=True)).clamp_min(0).sqrt()
    outline = torch.cat([outline, remainder], 1)
    counts, pairs, n_pairs = edges.sum(1), [torch.empty(2, 0, dtype=torch.long)], 0
    for start in range(0, len(compared), ROWS):
        rows = slice(start, start + ROWS)
        may_correlate = outline[rows] @ outline[start:].T > NEAR_GREYS - 1e-4
        columns = start + may_correlate.any(0).nonzero()[:, 0]
        both = edges[rows] @ edges[columns].T
        either = (counts[rows, None] + counts[columns] - both).clamp_min(1)
        near = (1 - both / either <= NEAR_EDGES) & (greys[rows] @ greys[columns].T >= NEAR_GREYS)
        near &= columns > torch.arange(start, start + len(near))[:, None]
        row, column = near.nonzero(as_tuple=True)
        pairs.append(torch.stack([compared[start + row], compared[columns[column]]]))
        n_pairs += len(row)
        if n_pairs >= MOST_PAIRS:
            break
    return tuple(torch.cat(pairs, 1)[:, :MOST_PAIRS])


def _near(pairs: tuple[torch.Tensor, torch.Tensor], marked: np.ndarray) -> np.ndarray:
    """Whether each picture is nearly the same as one of the `marked`; both are bool [n]."""
    i, j = (side.numpy() for side in pairs)
    near = np.zeros(len(marked), bool)
    near[i[marked[j]]] = near[j[marked[i]]] = True
    return near


def _without_copies(seen: list[Seen], notes: _Notes) -> tuple[list[Seen], torch.Tensor, list[Path]]:
    """The pictures without copies that would falsify a result.

    Also the pairs of them that look alike, int64 `[2, pairs]`, and the test pictures with a copy
    among the training pictures.
    """
    if not seen:
        return [], torch.empty(2, 0), []
    same = defaultdict(list)
    for number, picture in enumerate(seen):
        same[picture.pixels].append(number)
    copies = list(same.values())  # groups of pictures with the same pixels, by number
    pairs = nearly_the_same([seen[group[0]] for group in copies])

    def having(part: str) -> np.ndarray:
        """Which groups have a picture of this part: bool [groups]."""
        return np.array([any(seen[i].part == part for i in group) for group in copies])

    def members(marked: Iterable[bool]) -> list[int]:
        """The pictures of the marked groups."""
        return [i for group, mark in zip(copies, marked, strict=True) if mark for i in group]

    def of_part(part: str, numbers: list[int]) -> list[int]:
        return [i for i in numbers if seen[i].part == part]

    def paths(numbers: list[int]) -> list[Path]:
        return [seen[i].path for i in sorted(numbers)]

    def drop(what: str, says: str, done: str, numbers: list[int], unwanted: list[int]) -> None:
        """Add a finding about the pictures `numbers`, and take those `unwanted` out of `copies`."""
        if numbers:
            left_out = paths(unwanted) if notes.leave_out else []
            done = done if notes.leave_out else "they are used all the same"
            notes.add(what, f"{says}; {done}", left_out, files=paths(numbers), is_copies=True)
            dropped = set(unwanted)
            copies[:] = [[i for i in group if i not in dropped] for group in copies]

    trained = having("train")
    leaked = paths(of_part("test", members(trained | _near(pairs, trained))))
    twofold = members(len({seen[i].label for i in group}) > 1 for group in copies)
    drop(
        "in two classes",
        "the same picture has two labels, and one of them must be wrong",
        "all copies are left out until you decide",
        twofold,
        twofold,
    )
    across = members(having("train") & having("test"))
    drop(
        "also in the test",
        "a network that has seen a test picture is not tested by it",
        "the copies in the training part are left out",
        across,
        of_part("train", across),
    )
    trained, tested = having("train"), having("test")  # no group has pictures of both any more
    across = members((trained & _near(pairs, tested)) | (tested & _near(pairs, trained)))
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
        members(len(group) > 1 for group in copies),
        [i for group in copies for i in group[1:]],
    )
    order = sorted((group[0], number) for number, group in enumerate(copies) if group)
    different = [seen[i] for i, _ in order]
    if len(pairs[0]) == MOST_PAIRS:
        notes.add(
            "many look alike",
            f"the search for such pictures stopped at {MOST_PAIRS:,} pairs, so more pictures may "
            "look like those of the test; of a video, take a frame every few seconds",
        )
    place = torch.full((len(copies),), -1)  # of each group in `different`
    place[[number for _, number in order]] = torch.arange(len(different))
    pairs = place[torch.stack(pairs)]
    pairs = pairs[:, (pairs >= 0).all(0)]
    if pairs.numel():
        labels = np.unique([picture.label for picture in different], return_inverse=True)[1]
        labels = torch.from_numpy(labels)
        mixed = int((labels[pairs[0]] != labels[pairs[1]]).sum())
        notes.add(
            "look alike",
            f"{_counted(pairs.shape[1], 'pair')} in the same part "
            f"{'is' if pairs.shape[1] == 1 else 'are'} nearly the same picture"
            + (f", {mixed} of them in two classes" if mixed else "")
            + "; they count for less than as many different ones, so look at them",
            files=[different[i].path for i in pairs.unique().tolist()],
        )
    return different, pairs, leaked


def _groups(pairs: torch.Tensor, n: int) -> list[int]:
    """A group number for each of n pictures; pairs of look-alikes connect a group."""
    from scipy import sparse

    connected = sparse.coo_array((np.ones(pairs.shape[1], bool), pairs.numpy()), (n, n))
    return sparse.csgraph.connected_components(connected, directed=False)[1].tolist()


def _split(seen: list[Seen], pairs: torch.Tensor, seed: int) -> list[Seen]:
    """The pictures with parts chosen by the seed within each class; look-alikes stay together."""
    of_group, of_label, part_of = defaultdict(list), defaultdict(dict), {}
    for picture, group in zip(seen, _groups(pairs, len(seen)), strict=True):
        of_group[group].append(picture.path)
        of_label[picture.label][picture.path] = of_group[group]
    for label, group_of in sorted(of_label.items()):
        rng = np.random.default_rng([seed, *label.encode()])
        most = min(max(1, round(TEST_SHARE * len(group_of))), len(group_of) - 1)
        n_test = 0
        firsts = {paths[0]: paths for paths in group_of.values()}
        for first in rng.permutation(sorted(firsts, key=str)):
            if first not in part_of:
                paths = firsts[first]
                into_test = n_test + len(paths) <= most
                n_test += len(paths) * into_test
                part_of |= dict.fromkeys(paths, "test" if into_test else "train")
    return [replace(picture, part=part_of[picture.path]) for picture in seen]


def _result(root: Path, names: list[str], seen: list[Seen], notes: _Notes) -> Checked:
    """The pictures by part, and findings about the numbers of them."""
    by_part = {part: [picture for picture in seen if picture.part == part] for part in PARTS}
    in_train, in_test = (Counter(picture.label for picture in by_part[part]) for part in PARTS)
    if len(names) < 2:
        which = f"only '{names[0]}' has" if names else "no class has"
        notes.add(
            "too few classes",
            f"{which} pictures to train on; to tell classes apart, at least two are needed, each "
            "in a folder named after it",
            stops=True,
        )
    empty = [name for name in names if not in_train[name]]
    if empty:
        reasons = dict.fromkeys(
            f"“{finding.what}”"
            for finding in notes.findings
            if {*map(class_of, finding.left_out)}.intersection(empty)
        )
        says = (
            f"{', '.join(empty)}: every training picture was left out, for what is said under "
            f"{' and '.join(reasons)}; put that right, or leave the class out"
        )
        notes.add("classes with nothing left", says, stops=True)
    if names and not by_part["test"]:
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
        n_test = len(by_part["test"])
        if n_test < FEW_TESTED:
            low, high = stats.wilson_interval(round(0.8 * n_test), n_test)
            notes.add(
                "a small test",
                f"with only {_counted(n_test, 'test picture')}, a score of 80% could really be "
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
    findings = tuple(sorted(notes.findings, key=lambda finding: not finding.stops))
    files = [tuple(notes.name(picture.path) for picture in by_part[part]) for part in PARTS]
    stops = any(finding.stops for finding in findings)
    parts = [None if stops else _examples(by_part[part], tuple(names)) for part in PARTS]
    return Checked(root, tuple(names), findings, *parts, *files)


def _examples(seen: list[Seen], names: tuple[str, ...]) -> Examples:
    x = torch.empty(len(seen), SIZE, SIZE, CHANNELS).permute(0, 3, 1, 2)
    for row, picture in zip(x, seen, strict=True):
        row.copy_(canvas_as_input(picture.canvas))
    numbers = {name: number for number, name in enumerate(names)}
    return Examples(x, torch.tensor([numbers[picture.label] for picture in seen]), names)
