"""Sounds as standardised log-mel pictures, 32 × 32.

Time runs to the right, pitch upwards, and brightness is loudness. This module needs NumPy alone, so
that the processes that synthesise thousands of words start quickly.
"""

import functools

import numpy as np

SIZE = 32  # frequency bands, and columns in time
LOWEST, HIGHEST = 60.0, 3800.0  # Hz; telephones and the Free Spoken Digit Dataset go to 4,000
WINDOW = 0.032  # seconds of sound in one column
LENGTH = 1.0  # seconds; a shorter sound is padded with silence, a longer one is squeezed
QUIET = 40.0  # dB below the loudest moment, where a word begins and ends
RANGE = 60.0  # dB below the brightest point, where black begins
STEPS = 32  # of `packed`, for one standard deviation


def trimmed(wave: np.ndarray, rate: int) -> np.ndarray:
    """`wave` `[samples]` from its first to its last audible moment; silence stays whole."""
    moment = max(1, rate // 100)
    n = len(wave) // moment
    power = np.square(wave[: n * moment].reshape(n, moment), dtype=np.float64).mean(1)
    if n == 0 or power.max() == 0:
        return wave
    loud = np.flatnonzero(power > power.max() * 10 ** (-QUIET / 10))
    return wave[loud[0] * moment : (loud[-1] + 1) * moment]


def mel(hertz: np.ndarray) -> np.ndarray:
    """Perceived pitch of a frequency, in mel (O'Shaughnessy 1987)."""
    return 2595 * np.log10(1 + np.asarray(hertz) / 700)


@functools.cache
def bands(rate: int, points: int) -> np.ndarray:
    """Triangular bands, evenly spaced in mel, of mean one: `[32, points // 2 + 1]`."""
    edges = 700 * (10 ** (np.linspace(mel(LOWEST), mel(HIGHEST), SIZE + 2) / 2595) - 1)
    hertz = np.fft.rfftfreq(points, 1 / rate)
    low, middle, high = (edges[i : i + SIZE, None] for i in range(3))
    rising, falling = (hertz - low) / (middle - low), (high - hertz) / (high - middle)
    weight = np.clip(np.minimum(rising, falling), 0, None)
    return (weight / weight.sum(1, keepdims=True)).astype(np.float32)


def log_mel(wave: np.ndarray, rate: int) -> np.ndarray:
    """A sound `[samples]` at `rate` samples per second as float32 `[32, 32]`, mean 0, spread 1.

    Row 0 is the highest band. Silence is all zeros. Raises ValueError if the rate is too low for
    the highest band.
    """
    if rate < 2 * HIGHEST:
        raise ValueError(f"The rate is {rate} samples a second; {2 * HIGHEST:.0f} are needed.")
    wave = trimmed(np.asarray(wave, np.float32), rate)
    window = round(WINDOW * rate)
    points = 1 << (2 * window - 1).bit_length()  # padded, so each of the lowest bands has points
    length = max(len(wave), round(LENGTH * rate))
    wave = np.pad(wave, (window // 2, length - len(wave) + window))
    start = np.linspace(0, length, SIZE, endpoint=False).astype(int)
    frames = wave[start[:, None] + np.arange(window)] * np.hanning(window).astype(np.float32)
    power = np.square(np.abs(np.fft.rfft(frames, points))).astype(np.float32)
    # Not `@`, whose threads wait for each other when several processes synthesise at once.
    loudness = np.einsum("bf,mf->bm", bands(rate, points), power)
    if loudness.max() == 0:
        return np.zeros((SIZE, SIZE), np.float32)
    decibel = 10 * np.log10(np.maximum(loudness, loudness.max() * 10 ** (-RANGE / 10)))
    return ((decibel - decibel.mean()) / max(decibel.std(), 1e-6))[::-1].astype(np.float32)


def packed(x: np.ndarray) -> np.ndarray:
    """Standardised values as bytes, −4 … 4 in steps of 1/32."""
    return np.clip(np.round(x * STEPS) + 128, 0, 255).astype(np.uint8)


def unpacked(x):
    """Values of `packed` bytes (an array or a tensor): same shape, float."""
    return (x - 128.0) / STEPS
