"""The exercises of notebook 06: a split by people, a scale, an interval over people, a guard."""

from collections import Counter

import numpy as np
import torch

from tl_course.lessons.exercises import Exercise, Wrong, called, expect, expect_unlike, has_length

# ---------------------------------------------------------------------------- split by people


def split(recordings):
    """Two lists, to learn from and for the test; about a quarter of it all is for the test.

    `recordings` is a list of (speaker, digit, take), such as ("george", 7, 0).
    """
    test = recordings[::4]
    labelled = [recording for recording in recordings if recording not in test]
    return labelled, test


def _recordings(takes: dict[str, int]) -> list[tuple[str, int, int]]:
    """(speaker, digit, take), sorted by digit; `takes` is how often each speaker says a digit."""
    return [(who, d, t) for d in range(10) for who, most in takes.items() for t in range(most)]


def _check_split(split) -> None:
    four = _recordings({"george": 3, "jackson": 3, "nicolas": 3, "theo": 3})
    eight = _recordings(dict(zip("abcdefgh", (7, 1, 4, 2, 6, 3, 5, 1), strict=True)))
    eight = [eight[i] for i in torch.randperm(len(eight)).tolist()]
    for recordings, names in ((four, "george"), (eight, "other people")):
        parts = called(
            split,
            recordings,
            changed="Your function changes the list that it is given.",
            nothing="Your function returns nothing: return the two lists.",
        )
        expect(has_length(parts, 2), two="Return two lists: what to learn from, and the test.")
        labelled, test = ([tuple(recording) for recording in part] for part in parts)
        expect(
            test or names == "george",
            name="With recordings of other people your test is empty: take the names from "
            "`recordings`, rather than writing names down.",
        )
        expect(labelled and test, empty="One of the two lists is empty.")
        expect(
            not set(labelled) & set(test),
            both="Some recordings are in both lists, so the test asks about what was learnt by "
            "heart.",
        )
        lost = Counter(recordings) - Counter(labelled) - Counter(test)
        expect(
            not lost,
            lost=f"{sum(lost.values())} of {len(recordings)} recordings are in neither list: each "
            "belongs to one of them.",
        )
        digits = {digit for _, digit, _ in test} - {digit for _, digit, _ in labelled}
        expect(
            not digits,
            digits=f"The digit {min(digits, default=0)} is in the test and was never labelled: you "
            "split by digit. Who speaks must differ, not what is said.",
        )
        both = {who for who, _, _ in labelled} & {who for who, _, _ in test}
        expect(
            len(both) != 1,
            cut="One speaker is on both sides: the list was cut at a number of recordings. Cut "
            "between two people instead.",
        )
        expect(
            not both,
            people=f"{len(both)} speakers are on both sides. Choose speakers for the test first, "
            "then send each recording to the side of its speaker.",
        )
        expect(
            len(labelled) > len(test),
            larger="The test is larger than what there is to learn from. The list to learn from "
            "comes first, and about a quarter of the people are enough for the test.",
        )


speakers = Exercise(
    "06.speakers",
    split,
    _check_split,
    (
        "Print the speakers of both lists: `{speaker for speaker, digit, take in test}`.",
        "First make a list of the speakers, each once and in a fixed order: "
        "`sorted({speaker for speaker, _, _ in recordings})`.",
        "Every fourth of these names is for the test. A recording goes there if its speaker is one "
        "of them, and otherwise to the other list.",
    ),
    "A test by the same people asks whether the network knows their voices; a test by other people "
    "asks whether it knows digits. The same holds for patients, cameras and pieces of one "
    "photograph: whatever comes in groups is split by group.",
)


# ---------------------------------------------------------------------------- each by itself


def standardised(x):
    """Log-mel pictures `[n, 1, 32, 32]`, each brought to mean 0 and spread 1 by itself.

    (Spread: the standard deviation of its numbers.) A picture of silence becomes all zeros.
    """
    ...


def _near(x: torch.Tensor, other: torch.Tensor) -> bool:
    return x.shape == other.shape and bool(torch.allclose(x, other, rtol=0.02, atol=0.02))


def _by(x: torch.Tensor, *axes: int) -> torch.Tensor:
    """`x` standardised over these axes."""
    return (x - x.mean(axes, keepdim=True)) / x.std(axes, keepdim=True).clamp_min(1e-6)


def _check_scale(standardised) -> None:
    loudness = torch.tensor([0.5, 1.0, 3.0, 2.0, 6.0])[:, None, None, None]
    x = loudness * torch.randn(5, 1, 32, 32) - 8 * loudness
    x += loudness * torch.linspace(-2, 2, 32)[:, None] + loudness * torch.linspace(1, -1, 32)
    scaled = called(
        standardised,
        x,
        changed="Your function changes the pictures that it is given.",
        nothing="Your function returns nothing: return the pictures.",
    )
    scaled = torch.as_tensor(scaled).float()
    expect(
        scaled.shape == x.shape,
        shape=f"{list(x.shape)} went in and {list(scaled.shape)} came out: the shape should stay.",
    )
    centred = x - x.mean((1, 2, 3), keepdim=True)
    variance = x.var((1, 2, 3), keepdim=True)
    divided_first = x / variance.sqrt() - x.mean((1, 2, 3), keepdim=True)
    mistakes = {
        ("batch", _by(x, 0, 1, 2, 3)): "All pictures share one mean and one spread. A quiet "
        "recording then stays quiet beside a loud one, and a picture depends on what else is in "
        "the batch.",
        ("points", _by(x, 0)): "Each point got its mean over the batch (the first axis). A picture "
        "that comes alone has no such mean.",
        ("rows", _by(x, 3)): "Each row got its own mean and spread, so the network can no longer "
        "see which pitches are loud.",
        ("columns", _by(x, 2)): "Each column got its own mean and spread, so the network can no "
        "longer see when it is loud.",
        ("spread", centred): "The mean is right, but the spread is still that of the recording: "
        "divide by it.",
        ("variance", centred / variance): "The mean is right, but you divided by the variance: the "
        "spread is its square root.",
        ("mean", divided_first): "The spread is 1, but the mean is not 0: subtract the mean first, "
        "then divide.",
    }
    expect_unlike(lambda other: _near(scaled, other), mistakes)
    expect(
        _near(scaled, _by(x, 1, 2, 3)),
        value="Not every picture has mean 0 and spread 1: over which axes do `mean` and `std` go?",
    )
    silent = torch.cat([x[:1], torch.full((1, 1, 32, 32), -4.0)])
    scaled = torch.as_tensor(standardised(silent)).float()
    expect(
        bool(scaled.isfinite().all()),
        silence="A picture of silence becomes NaN or infinite: its spread is 0. Keep the divisor "
        "above 0.",
    )
    expect(
        scaled[1].abs().max() < 0.01 and _near(scaled[:1], _by(x[:1], 1, 2, 3)),
        beside_silence="With a silent picture in the batch, not everything comes out right: "
        "silence becomes zeros, and the others stay as they were.",
    )


scale = Exercise(
    "06.scale",
    standardised,
    _check_scale,
    (
        "`x.mean((1, 2, 3), keepdim=True)` is one number per picture. What would `x.mean()` be?",
        "Subtract that mean, then divide by the standard deviation over the same axes.",
        "Silence has standard deviation 0: `.clamp_min(1e-6)` on the divisor guards against it.",
    ),
    "How loud a recording is depends on the microphone and says nothing about the digit. Scaled "
    "by itself, a recording is the same alone and in any batch. The pictures of this course all "
    "have one scale, because in them brightness is part of what is seen.",
)


# ---------------------------------------------------------------------------- over people


def half_interval(right, people):
    """Half of the 95% interval of the accuracy, for people who were not recorded.

    `right` (1 or 0) and `people` (a name) have one entry for each recording.
    """
    return 2 * np.std(right, ddof=1) / np.sqrt(len(right))


WIDEST = 2.78  # Student's t for five people; 1.9 … 2 is the usual rule


def _check_interval(half_interval) -> None:
    shares, n = (0.95, 0.85, 0.70, 0.60, 0.30), 100
    right = np.array([int(7 * i % n < n * share) for i in range(n) for share in shares])
    people = np.array(["ana", "ben", "eva", "joe", "kim"] * n)
    half = called(
        half_interval,
        right,
        people,
        changed="Your function changes the recordings.",
        nothing="Your function returns nothing: return half of the interval.",
    )
    expect(
        np.ndim(half) == 0,
        number="Return one number: half of the interval, not its ends and not one for each person.",
    )
    half = float(half)
    each = np.std(shares, ddof=1)  # of the people's means
    error = each / np.sqrt(5)
    over_recordings = np.std(right, ddof=1) / np.sqrt(5 * n)
    inside = np.mean([np.std(right[people == who], ddof=1) for who in np.unique(people)])
    blocks = np.std(right.reshape(5, n).mean(1), ddof=1) / np.sqrt(5)

    few = np.std(shares) / np.sqrt(5)
    mistakes = {
        ("recordings", over_recordings): "It counts each recording as if somebody else had spoken "
        "it. There are 500 recordings, but five people.",
        ("within", inside / np.sqrt(n), inside / 2): "It says how much the recordings of one "
        "person differ, and nothing about how people differ.",
        ("root", each / np.sqrt(5 * n)): "The spread of people's means is right, but you divided "
        "by the square root of the number of recordings. How many means are there?",
        ("single", each): "That is how far single people lie from the mean. The mean of several "
        "people varies less than one of them: divide by a square root.",
        ("ddof", few): "Your spread divides by the number of people (`np.std` does unless you say "
        "`ddof=1`), which makes it too small for so few.",
        ("sorted", blocks): "You assume that the recordings are sorted by person. They are not: "
        "`people` says who spoke each.",
        ("whole", 2 * error, WIDEST * error): "That is the whole interval, from its low end to its "
        "high one; half of it is asked for.",
        ("one_error", error / 2, error / 1.96): "That is one standard error: about two of them "
        "make half of a 95% interval.",
    }
    expect_unlike(lambda other: 0.97 * 1.96 * other <= half <= 1.02 * 2 * other, mistakes)
    expect(
        1.9 * error <= half <= WIDEST * error,
        value=f"Your half interval is {half:.3f}. The means of the five people have a standard "
        f"deviation of {each:.3f}: what follows for the mean of five?",
    )
    three_people = (people != "ana") & (people != "ben")  # with different numbers of recordings
    three_people[:200] &= people[:200] != "joe"
    half = float(half_interval(right[three_people], people[three_people]))
    three = [right[three_people & (people == who)].mean() for who in ("eva", "joe", "kim")]
    expect(
        1.9 <= half * np.sqrt(3) / np.std(three, ddof=1) <= 4.4,
        three="With three people who were recorded a different number of times it goes wrong: take "
        "the number of people from `people`.",
    )


interval = Exercise(
    "06.interval",
    half_interval,
    _check_interval,
    (
        "What differs if others are recorded: the people. So first compute one mean per person.",
        "A loop over `np.unique(people)`; `right[people == name].mean()` is one person's mean.",
        "Twice the standard deviation of these means (`ddof=1`), divided by the square root of "
        "the number of people.",
    ),
    "Five hundred recordings by five people are five numbers about people. (For so few the exact "
    "factor is not 2 but Student's t, 2.8 for five people; the course uses that.)",
)


# ---------------------------------------------------------------------------- a guard


def refused(expected, modality, x):
    """None where `x` fits, and otherwise a sentence that says what was expected and what came.

    `expected` is a dict such as {"modality": "image", "shape": (3, 32, 32)}; `modality` says what
    the examples `x` `[n, …]` are.
    """
    ...


def _check_guard(refused) -> None:
    def ask(expected, modality, x):
        try:
            refusal = refused(dict(expected), modality, x)
        except (ValueError, TypeError, RuntimeError, AssertionError) as error:
            sentence = f"It should return the sentence, and it raises {type(error).__name__}."
            raise Wrong(raised=sentence) from error
        expect(
            not isinstance(refusal, (bool, np.bool_)),
            verdict="Return a sentence or None: True and False do not say what is wrong.",
        )
        return refusal

    seeing = {"modality": "image", "shape": (3, 32, 32)}
    hearing = {"modality": "audio", "shape": (3, 32, 32)}
    reading = {"modality": "text", "shape": (64,)}
    pictures = 2 * torch.rand(10, 3, 32, 32)
    unusual = torch.randn(7, 3, 32, 32) * 5 - 3  # as a spectrogram may look
    expect(
        ask(seeing, "image", pictures) is None,
        any_number="Ten pictures of shape [3, 32, 32] are refused, and they fit: the first number "
        "of `x.shape` says how many there are.",
    )
    expect(
        ask(seeing, "image", unusual) is None,
        numbers="Pictures with unusual numbers are refused. The numbers do not say what they "
        "stand for; `modality` does.",
    )
    expect(
        ask(hearing, "audio", unusual) is None and ask(reading, "text", torch.ones(2, 64)) is None,
        refused="A network for sound refuses sound, or one for text refuses text: compare with "
        '`expected["modality"]`.',
    )
    for expected, modality in ((seeing, "audio"), (hearing, "image"), (seeing, "text")):
        refusal = ask(expected, modality, unusual)
        name = expected["modality"]
        expect(
            refusal,
            shapes_alone=f"A network for {name} accepts {modality}, because the shapes agree. The "
            "same shape is not the same modality.",
        )
        expect(
            isinstance(refusal, str) and name in refusal and modality in refusal,
            names=f"It refuses {modality}, but its sentence must name both modalities: what was "
            "expected, and what came.",
        )
    for x in (pictures[:, :1], pictures[..., :28, :28], pictures[0]):
        refusal = ask(seeing, "image", x)
        expect(
            refusal,
            shape=f"Pictures of shape {list(x.shape)} are accepted: the modality is right, but the "
            "shape is not.",
        )
        expect(isinstance(refusal, str), sentence="Return a sentence where the shape differs.")


guard = Exercise(
    "06.guard",
    refused,
    _check_guard,
    (
        "Two comparisons: one of modalities, one of shapes.",
        "`tuple(x.shape[1:])` is the shape of one example.",
        "`return f\"This network takes {expected['modality']}, and these are {modality}.\"` for "
        "the first; a similar sentence with shapes for the second; `return None` at the end.",
    ),
    "PyTorch compares shapes alone, so what a number stands for has to travel with the data and "
    "with the network. A saved network of this course carries such a description.",
)


# ---------------------------------------------------------------------------- choose before running


CHOICES = """
heart_sounds = ...  # recordings as log-mel pictures: "image", "audio" or "text"?
road_signs = ...  # small drawings of signs: "image", "audio" or "text"?
street_names = ...  # names as codes of letters: "image", "audio" or "text"?
compare_with = ...  # "guessing", "random layers" or "nothing"?
"""


def _check_plan(heart_sounds, road_signs, street_names, compare_with) -> None:
    given = heart_sounds, road_signs, street_names, compare_with
    heart_sounds, road_signs, street_names, compare_with = (
        entry.strip().lower() if isinstance(entry, str) else entry for entry in given
    )
    for source in (heart_sounds, road_signs, street_names):
        expect(
            source in ("image", "audio", "text"),
            source=f"{source!r} is not a source in this notebook: “image”, “audio” and “text” are.",
        )
    mistakes = {
        ("heart_image", "image"): "Heart sounds: a spectrogram is a picture, and pictures helped "
        "with synthetic speech (+14). Yet sound layers helped much more (+33), and with people's "
        "voices picture layers no longer helped.",
        ("heart_text", "text"): "Heart sounds: text layers were behind random ones on synthetic "
        "speech (−2), and level with them on people's voices.",
    }
    expect_unlike(lambda source: heart_sounds == source, mistakes)
    mistakes = {
        ("signs_text", "text"): "Road signs: text layers were harmful for handwriting (−6.3). "
        "Codes of letters have no neighbourhoods, and signs have edges and shapes.",
        ("signs_audio", "audio"): "Road signs: sound layers helped a little with handwriting (+4), "
        "and picture layers four times as much (+18).",
    }
    expect_unlike(lambda source: road_signs == source, mistakes)
    expect(
        street_names == "text",
        names="Street names: on number words, text layers were 26 points ahead of random ones, "
        "those of pictures 3, and those of sound 6.",
    )
    expect(
        compare_with in ("guessing", "random layers", "nothing"),
        control=f"{compare_with!r} is not one of the three baselines.",
    )
    mistakes = {
        ("guessing", "guessing"): "To compare with: guessing is far below what random layers get "
        "(75% of the handwritten digits), so nearly everything would look like help.",
        ("uncompared", "nothing"): "To compare with: an accuracy alone does not say what the "
        "source has contributed.",
    }
    expect_unlike(lambda control: compare_with == control, mistakes)


plan = Exercise(
    "06.plan",
    CHOICES.strip(),
    _check_plan,
    (
        "Look at the table of this notebook: which source has the dashed frame?",
        "Each target is served best by the source of its own modality.",
        "“audio”, “image”, “text”; and the fair comparison is the one with the same network that "
        "has learnt nothing.",
    ),
    "Choose the source by its modality before you run anything, and write the control down at "
    "the same time. If you run all three and keep the best, you have used up the test. And these "
    "are expectations from other targets: only the run can confirm them.",
)
