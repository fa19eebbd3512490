"""A speech synthesiser: the espeak-ng library inside the wheel `espeakng-loader`, through ctypes.

It keeps a random state and the phase of its waves from one word to the next, so that the same word
sounds a little different each time. In a process that has just begun, with a seed, the same words
in the same order give the same samples: that is what the source of spoken names rests on. NumPy
alone, so that such a process starts quickly. espeak-ng is GPL 3, so it is an extra.
"""

import ctypes
import functools
import multiprocessing
import re
import signal
from collections.abc import Iterator, Sequence

import numpy as np

from tl_course.base.errors import CourseError
from tl_course.data import sound

ACCENTS = ("en", "en-us", "en-gb-scotland", "en-gb-x-rp", "en-gb-x-gbclan", "en-us-nyc")
ROLES = {"target": 20, "held-out": 4, "source": 80}  # numbers of voices
PACES, PITCHES = (120, 240), (15, 85)  # words a minute; 0 … 100
PACE, PITCH = 1, 3  # espeakRATE (words a minute), espeakPITCH (0 … 100)
SYNCHRONOUS, CHARACTERS, UTF_8 = 2, 1, 1
Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


class _Voice(ctypes.Structure):  # espeak_VOICE
    _fields_ = [
        ("name", ctypes.c_char_p), ("languages", ctypes.c_char_p), ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte), ("age", ctypes.c_ubyte), ("variant", ctypes.c_ubyte),
        ("unused", ctypes.c_ubyte), ("score", ctypes.c_int), ("spare", ctypes.c_void_p),
    ]  # fmt: skip


class Synthesiser:
    """Says words; raises CourseError where it is missing. All in one process share its state.

    `rate` is in samples a second, `voices` are the names of what can be said with.
    """

    def __init__(self, seed: int = 0):
        try:
            import espeakng_loader

            self._library = ctypes.cdll.LoadLibrary(espeakng_loader.get_library_path())
        except (ImportError, OSError) as error:
            raise CourseError(
                "The speech synthesiser is not there (there is none for Intel Macs); install it "
                "with 'pip install espeakng-loader', or go on with the recordings that the course "
                "ships."
            ) from error
        data = espeakng_loader.get_data_path()
        self.rate = self._library.espeak_Initialize(SYNCHRONOUS, 0, str(data).encode(), 0)
        if self.rate <= 0:
            raise CourseError(f"The speech synthesiser does not find its data in {data}.")
        self._heard = []
        self._listen = Callback(self._hear)  # kept, so that it is not collected
        self._library.espeak_ng_SetRandSeed(ctypes.c_long(seed))

    def _hear(self, wave, samples, _) -> int:
        if samples > 0:
            self._heard.append(ctypes.string_at(wave, 2 * samples))
        return 0

    @functools.cached_property
    def voices(self) -> tuple[str, ...]:
        """Names of the voices, sorted."""
        self._library.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_Voice))
        wanted = _Voice(languages=b"variant")
        listed = self._library.espeak_ListVoices(ctypes.byref(wanted))
        found, i = [], 0
        while listed[i]:
            found.append(listed[i].contents.identifier.decode().split("/")[-1])
            i += 1
        return tuple(sorted(found))

    def say(
        self, text: str, voice: str = "f3", accent: str = "en", pace: int = 175, pitch: int = 50
    ) -> np.ndarray:
        """`text` said by `voice`: int16 `[samples]`; `pace` in words a minute, `pitch` 0 … 100."""
        name = f"{accent}+{voice}"
        known = voice in self.voices and accent in ACCENTS
        if not known or self._library.espeak_SetVoiceByName(name.encode()) != 0:
            raise CourseError(
                f"There is no voice '{name}'; accents are {', '.join(ACCENTS)}, voices "
                f"{', '.join(self.voices)}."
            )
        self._library.espeak_SetParameter(PACE, int(pace), 0)
        self._library.espeak_SetParameter(PITCH, int(pitch), 0)
        self._heard.clear()
        self._library.espeak_SetSynthCallback(self._listen)  # another one may have listened last
        said = text.encode()
        how = (0, CHARACTERS, 0, UTF_8, None, None)
        if self._library.espeak_Synth(said, len(said) + 1, *how) != 0:
            raise CourseError(f"The speech synthesiser could not say '{text}'.")
        return np.frombuffer(b"".join(self._heard), np.int16)


@functools.cache
def voices(role: str) -> tuple[str, ...]:
    """The 80 voices of the source, the 4 that measure it ("held-out"), or the 20 of the "target".

    Voices that are alone in their family ("steph", "steph2" and "steph3" are one) are dealt to the
    target first, so that it is new to the network; the split only depends on their names.
    """
    families: dict[str, list[str]] = {}
    for voice in Synthesiser().voices:
        families.setdefault(re.sub(r"(Robot|f)?\d*$", "", voice).casefold(), []).append(voice)
    dealt: dict[str, list[str]] = {key: [] for key in ROLES}
    for place in np.random.default_rng(0).permutation(len(families)):
        family = list(families.values())[place]
        alone = len(family) == 1
        into = next(k for k in ROLES if k == "source" or (alone and len(dealt[k]) < ROLES[k]))
        dealt[into] += family
    return tuple(sorted(dealt[role]))


def spoken(voice: str, words: Sequence[str], seed: int = 0) -> np.ndarray:
    """`voice` says `words`, each in an accent, pace and pitch of its own: uint8 `[n, 32, 32]`.

    Log-mel pictures (`sound.packed`). The same in every process that has just begun.
    """
    synthesiser = Synthesiser(seed)
    random = np.random.default_rng([seed, *voice.encode()])
    clips = np.empty((len(words), sound.SIZE, sound.SIZE), np.uint8)
    for i, word in enumerate(words):
        accent = ACCENTS[random.integers(len(ACCENTS))]
        pace, pitch = random.integers(*PACES), random.integers(*PITCHES)
        wave = synthesiser.say(word, voice, accent, pace, pitch)
        clips[i] = sound.packed(sound.log_mel(wave, synthesiser.rate))
    return clips


def _spoken(task: tuple) -> tuple[str, np.ndarray]:
    return task[0], spoken(*task)


def each_spoken(
    by: Sequence[str], words: Sequence[str], seed: int, processes: int
) -> Iterator[tuple[str, np.ndarray]]:
    """(voice, `spoken(voice, words, seed)`) as they are done, each in a process that is fresh."""
    tasks = [(voice, tuple(words), seed) for voice in by]
    ignore = {"initializer": signal.signal, "initargs": (signal.SIGINT, signal.SIG_IGN)}
    spawn = multiprocessing.get_context("spawn")  # Ctrl-C is for this process, which ends them
    with spawn.Pool(processes, maxtasksperchild=1, **ignore) as pool:
        yield from pool.imap_unordered(_spoken, tasks)
