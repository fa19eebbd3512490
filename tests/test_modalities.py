"""Sound and text: the same names and digits as inputs of one shape, kept apart from targets."""

import os

import numpy as np
import pytest
import torch
from sentences import refused

from tl_course.base.errors import CourseError
from tl_course.data import sound, writing
from tl_course.data.sources import espeak, spoken_names, written_names
from tl_course.data.sources.classes import LANGUAGES, names, number_word
from tl_course.data.targets import spoken
from tl_course.data.targets import written as written_target


def tone(hertz, seconds=0.5, rate=8000):
    return np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


def test_a_tone_is_one_bright_row_that_rises_with_its_pitch():
    rows = []
    for hertz in (200, 500, 1000, 2000, 3500):
        x = sound.log_mel(tone(hertz), 8000)
        assert x.shape == (32, 32) and abs(x.mean()) < 1e-4 and abs(x.std() - 1) < 1e-3
        rows.append(int(x[:, :12].mean(1).argmax()))
        middle = sound.mel(sound.LOWEST) + (32 - rows[-1]) / 33 * (
            sound.mel(sound.HIGHEST) - sound.mel(sound.LOWEST)
        )
        assert abs(middle - sound.mel(hertz)) < 60, "mel of the brightest band"
    assert rows == sorted(rows, reverse=True) and len(set(rows)) == 5


def test_a_sound_is_the_same_whatever_its_rate_gain_and_silence():
    low, high = (sound.log_mel(tone(800, rate=rate), rate) for rate in (8000, 22050))
    assert np.corrcoef(low.ravel(), high.ravel())[0, 1] > 0.98
    quiet = np.concatenate([np.zeros(3000), 0.1 * tone(800), np.zeros(900)])
    assert np.abs(sound.log_mel(quiet, 8000) - low).mean() < 0.1
    long = sound.log_mel(tone(800, seconds=3), 8000)
    assert (long[:, 2:-2].argmax(0) == low[:, 5].argmax()).all(), "it fills the width"
    assert (sound.log_mel(np.zeros(8000), 8000) == 0).all()
    with pytest.raises(ValueError, match="7600"):
        sound.log_mel(tone(100, rate=4000), 4000)
    z = np.linspace(-4, 3.9, 100)
    assert np.abs(sound.unpacked(sound.packed(z)) - z).max() <= 1 / 64 + 1e-9


def test_voices_are_split_and_many():
    roles = {role: set(espeak.voices(role)) for role in espeak.ROLES}
    assert len(roles["source"]) >= 80 and len(roles["target"]) == 20
    assert len(set.union(*roles.values())) == sum(map(len, roles.values()))


def test_words_are_said_the_same_in_every_fresh_process():
    words = ("cat", "dog", "musical note")
    first = dict(espeak.each_spoken(("whisper", "klatt"), words, 0, 1))
    again = dict(espeak.each_spoken(("klatt", "f3", "whisper"), words, 0, 2))
    for voice, clips in first.items():
        assert clips.shape == (3, 32, 32) and clips.dtype == np.uint8
        assert np.array_equal(clips, again[voice]), voice
    assert not np.array_equal(first["klatt"][0], first["klatt"][1])


def test_an_unknown_voice_gets_a_sentence():
    with refused("no_voice", "'en+nobody'"):
        espeak.Synthesiser().say("cat", "nobody")


def test_spoken_names_are_built_once_and_a_damaged_voice_again(tmp_path, monkeypatch):
    monkeypatch.setenv("TL_COURSE_HOME", str(tmp_path))
    monkeypatch.setattr(spoken_names, "names", lambda: ["cat", "dog", "musical note"])
    monkeypatch.setattr(spoken_names.espeak, "voices", lambda role: ("f3", "m1"))
    first = spoken_names.build(processes=2, progress=False)
    files = {voice: tmp_path / "spoken-names" / f"{voice}.safetensors" for voice in first}
    os.utime(files["m1"], (0, 0))  # long ago: a file that is written anew is of today
    files["f3"].write_bytes(files["f3"].read_bytes()[:500])
    again = spoken_names.build(processes=2, progress=False)
    assert all(np.array_equal(first[voice], again[voice]) for voice in first)
    assert files["m1"].stat().st_mtime == 0


def test_spoken_names_stream_each_name_once_a_pass_and_are_reproducible(monkeypatch):
    random = np.random.default_rng(0).integers(0, 255, (2, 1000, 32, 32)).astype(np.uint8)
    source = spoken_names.SpokenNames(3, clips=random)
    x, y = source.batch(0, 1000)
    assert x.shape == (1000, 3, 32, 32) and sorted(y.tolist()) == list(range(1000))
    assert torch.allclose(x.mean((1, 2, 3)), torch.zeros(1000), atol=1e-4)
    part, labels = source.batch(400, 7)
    assert torch.equal(labels, y[400:407]) and torch.allclose(part, x[400:407], atol=1e-5)
    assert not torch.equal(spoken_names.SpokenNames(4, clips=random).batch(0, 9)[1], y[:9])
    assert source.modality == "audio" and source.names == names()


def test_written_characters_have_codes_and_slips_stay_readable():
    points = writing.code_points_of(["Cat", "a" * 40, "été"])
    assert points.shape == (3, 32) and points[1].tolist() == [ord("a")] * 32
    x = writing.coded(points)
    assert writing.decoded(x, points.unique()[1:]) == ["cat", "a" * 32, "été"]
    assert x.shape == (3, 3, 32, 32) and torch.allclose(x.std((1, 2, 3)), torch.ones(3), atol=0.01)
    assert torch.equal(x[1, 0, :, 0], x[1, 0, :, 31]), "one character, one code"
    index = torch.arange(3000)
    words = writing.code_points_of(["musical"]).repeat(3000, 1)
    letters = words[:, :7]
    slipped = writing.mistyped(words, letters, 0, index, 1)
    changed = (slipped != words).any(1).float().mean()
    assert 0.4 < changed < 0.75
    length = (slipped > 0).sum(1)
    assert set(length.tolist()) == {6, 7, 8}
    assert torch.equal(slipped, writing.mistyped(words, letters, 0, index, 1))
    shifted = writing.shifted_right(words, 0, index)
    assert ((shifted > 0).sum(1) == 7).all() and (shifted > 0).float().argmax(
        1
    ).unique().numel() > 20


def test_written_names_know_fourteen_languages_and_no_number():
    source = written_names.WrittenNames(0)
    assert len(source.languages) == len(LANGUAGES) >= 8
    x, y = source.batch(0, 1000)
    assert sorted(y.tolist()) == list(range(1000)) and x.shape == (1000, 3, 32, 32)
    part, labels = source.batch(250, 20)
    assert torch.equal(part, x[250:270]) and torch.equal(labels, y[250:270])
    for language in LANGUAGES:
        assert not [
            name for name in written_names.names_in(language) if number_word(name, language)
        ]


@pytest.mark.parametrize("fold", range(written_target.FOLDS))
def test_written_digits_hold_out_whole_languages_and_share_no_text(fold):
    parts = ("pool", "validation", "test")
    spoken_in = [set(written_target.languages(part, fold)) for part in parts]
    assert len(set.union(*spoken_in)) == sum(map(len, spoken_in)) == len(written_target.LANGUAGES)
    turns = (written_target.languages("test", turn) for turn in range(written_target.FOLDS))
    assert sorted(sum(turns, ())) == sorted(written_target.LANGUAGES), "each is the test once"
    target = written_target.written_digits(fold)
    assert target.test.modality == "text" and target.test.y.bincount().tolist() == [200] * 10
    texts = [set(written_target.texts_of_inputs(getattr(target, part).x)) for part in parts]
    assert min(map(len, texts)) > 100
    assert not (texts[0] & texts[2] or texts[0] & texts[1] or texts[1] & texts[2])
    with pytest.raises(ValueError, match="folds 0"):
        written_target.written_digits(6)


def test_people_are_split_by_speaker_in_every_direction(tmp_path, monkeypatch, record_digit):
    folder = tmp_path / "recordings"
    folder.mkdir()
    for speaker, base in (("ann", 200), ("bob", 300), ("eve", 400)):
        for digit in range(10):
            for take in range(2):
                record_digit(folder, digit, speaker, take, base + 100 * digit + take)
    monkeypatch.setenv(spoken.VARIABLE, str(tmp_path))
    assert spoken.speakers() == ("ann", "bob", "eve")
    for speaker in spoken.speakers():
        target = spoken.spoken_by_people(speaker)
        assert len(target.pool) == 40 and len(target.test) == 20 and len(target.validation) == 0
        assert target.test.y.bincount().tolist() == [2] * 10
    of_ann = spoken.spoken_by_people("ann", ("eve",))
    assert len(of_ann.pool) == 20
    with refused("no_speaker", "'joe'"):
        spoken.spoken_by_people("joe")
    with refused("test_speaker"):
        spoken.spoken_by_people("ann", ("ann",))
    (folder / "3_ann_0.wav").write_bytes(b"RIFF")
    spoken._real.cache_clear()
    with refused("unreadable", "3_ann_0.wav"):
        spoken.speakers()
    monkeypatch.setenv(spoken.VARIABLE, str(tmp_path / "nowhere"))
    with refused("not_fetched", "free_spoken_digits.py"):
        spoken.speakers()


def test_three_hundred_damaged_recordings_are_sounds_or_one_sentence(tmp_path, record_digit):
    record_digit(tmp_path, 3, "ann", 0, 300)
    path, refused, rng = tmp_path / "3_ann_0.wav", 0, np.random.default_rng(0)
    whole = path.read_bytes()
    for _ in range(300):
        content = bytearray(whole[: rng.integers(40, len(whole))] if rng.random() < 0.3 else whole)
        for place in rng.integers(0, 44, rng.integers(1, 4)):  # the header
            content[place] = rng.integers(0, 256)
        path.write_bytes(content)
        try:
            samples, rate = spoken.read_wave(path)
        except CourseError as error:
            assert "3_ann_0.wav" in str(error)
            refused += 1
        else:
            assert sound.log_mel(samples, rate).shape == (32, 32)
    assert 100 < refused < 300


@pytest.mark.parametrize(
    ("rate", "bytes_more", "code", "words"),
    [
        (400_000_000, 0, "sampling_rate", "400000000 samples"),
        (4000, 0, "sampling_rate", "4000 samples"),
        (8000, 3e7, "unreadable", "20 MB"),
    ],
)
def test_a_recording_that_would_take_gigabytes_is_refused(
    tmp_path, record_digit, rate, bytes_more, code, words
):
    record_digit(tmp_path, 3, "ann", 0, 300)
    path = tmp_path / "3_ann_0.wav"
    content = bytearray(path.read_bytes())
    content[24:28] = rate.to_bytes(4, "little")
    path.write_bytes(content + bytes(int(bytes_more)))
    with refused(code, "3_ann_0.wav", words):
        spoken.read_wave(path)
