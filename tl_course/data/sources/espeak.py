"""A speech synthesiser: the espeak-ng library of the wheel `espeakng-loader`, through ctypes.

It keeps a random state and the phase of its waves between words, so a word sounds a little
different each time. In a fresh process, the same seed and the same words in the same order give the
same samples; the source of spoken names depends on that. This module needs NumPy alone, so that
such a process starts quickly. espeak-ng is GPL 3, so it is an extra.
"""

import ctypes
import functools
import itertools
import multiprocessing
import re
import signal
from collections.abc import Iterator, Sequence

import numpy as np

from tl_course.base.errors import CourseError
from tl_course.data import sound

ACCENTS = ("en", "en-us", "en-gb-scotland", "en-gb-x-rp", "en-gb-x-gbclan", "en-us-nyc")
ROLES = {"target": 20, "held-out": 4, "source": 80}  # numbers of voices
PACES, PITCHES = (120, 240), (15, 85)  # words per minute; 0 … 100
PACE, PITCH = 1, 3  # espeakRATE, espeakPITCH
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
    """Says words at `rate` samples per second. All synthesisers of a process share one state.

    Raises CourseError if the library is missing.
    """

    def __init__(self, seed: int = 0):
        try:
            import espeakng_loader

            self._library = ctypes.cdll.LoadLibrary(espeakng_loader.get_library_path())
        except (ImportError, OSError) as error:
            raise CourseError(
                "no_synthesiser",
                "The speech synthesiser is not there (there is none for Intel Macs); install it "
                "with 'pip install espeakng-loader', or go on with the recordings that the course "
                "ships.",
            ) from error
        data = espeakng_loader.get_data_path()
        self.rate = self._library.espeak_Initialize(SYNCHRONOUS, 0, str(data).encode(), 0)
        if self.rate <= 0:
            raise CourseError(
                "no_synthesiser_data", f"The speech synthesiser does not find its data in {data}."
            )
        self._heard = []  # bytes of the samples so far
        self._listen = Callback(self._hear)  # referred to here, or it would be collected
        self._library.espeak_ng_SetRandSeed(ctypes.c_long(seed))

    def _hear(self, wave, samples, _) -> int:
        if samples > 0:
            self._heard.append(ctypes.string_at(wave, 2 * samples))
        return 0

    @functools.cached_property
    def voices(self) -> tuple[str, ...]:
        """Names of the voices, sorted."""
        self._library.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_Voice))
        variants = _Voice(languages=b"variant")
        listed = self._library.espeak_ListVoices(ctypes.byref(variants))  # ends with a null pointer
        voices = itertools.takewhile(bool, map(listed.__getitem__, itertools.count()))
        return tuple(sorted(v.contents.identifier.decode().split("/")[-1] for v in voices))

    def say(
        self, text: str, voice: str = "f3", accent: str = "en", pace: int = 175, pitch: int = 50
    ) -> np.ndarray:
        """`text` said by `voice`: int16 `[samples]`; `pace` in words per minute, `pitch` 0 … 100.

        Raises CourseError for an unknown voice or accent.
        """
        name = f"{accent}+{voice}"
        known = voice in self.voices and accent in ACCENTS
        if not known or self._library.espeak_SetVoiceByName(name.encode()) != 0:
            raise CourseError(
                "no_voice",
                f"There is no voice '{name}'; accents are {', '.join(ACCENTS)}, voices "
                f"{', '.join(self.voices)}.",
            )
        self._library.espeak_SetParameter(PACE, int(pace), 0)
        self._library.espeak_SetParameter(PITCH, int(pitch), 0)
        self._heard.clear()
        self._library.espeak_SetSynthCallback(self._listen)  # maybe another synthesiser's until now
        encoded = text.encode()
        how = (0, CHARACTERS, 0, UTF_8, None, None)
        if self._library.espeak_Synth(encoded, len(encoded) + 1, *how) != 0:
            raise CourseError("not_spoken", f"The speech synthesiser could not say '{text}'.")
        return np.frombuffer(b"".join(self._heard), np.int16)


@functools.cache
def voices(role: str) -> tuple[str, ...]:
    """The 80 voices of the "source", the 4 "held-out" that measure it, or the 20 of the "target".

    Voices without a family ("steph", "steph2" and "steph3" are one) go to the target first, so that
    it is new to the network. The split depends on the voices' names alone.
    """
    families: dict[str, list[str]] = {}
    for voice in Synthesiser().voices:
        families.setdefault(re.sub(r"(Robot|f)?\d*$", "", voice).casefold(), []).append(voice)
    of_role: dict[str, list[str]] = {name: [] for name in ROLES}
    for number in np.random.default_rng(0).permutation(len(families)):
        family = list(families.values())[number]
        free = [name for name in ROLES if len(of_role[name]) < ROLES[name]]
        of_role[free[0] if len(family) == 1 and free else "source"] += family
    return tuple(sorted(of_role[role]))


def spoken(voice: str, words: Sequence[str], seed: int = 0) -> np.ndarray:
    """`words` said by `voice` in random accents, paces and pitches: uint8 `[n, 32, 32]`.

    They are log-mel pictures (`sound.packed`), the same in every fresh process.
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
    voices: Sequence[str], words: Sequence[str], seed: int, processes: int
) -> Iterator[tuple[str, np.ndarray]]:
    """(voice, `spoken(voice, words, seed)`) as they are finished, each in a fresh process."""
    tasks = [(voice, tuple(words), seed) for voice in voices]
    ignore = {"initializer": signal.signal, "initargs": (signal.SIGINT, signal.SIG_IGN)}
    spawn = multiprocessing.get_context("spawn")  # on Ctrl-C this process ends the others
    with spawn.Pool(processes, maxtasksperchild=1, **ignore) as pool:
        yield from pool.imap_unordered(_spoken, tasks)
