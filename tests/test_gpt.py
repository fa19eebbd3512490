"""The small GPT: its construction, its source and target, what it learns, and what is shipped."""

import json
import math
import threading

import pandas as pd
import pytest
import safetensors.torch
import torch
import torch.nn.functional as F
from sentences import refused

from tl_course.core import files, network, training
from tl_course.core.settings import Settings
from tl_course.core.training import Callbacks, Recipe
from tl_course.data.sources import prose
from tl_course.data.targets.lines import draw_lines, lines
from tl_course.lessons.n09_small_gpt import (
    experiments as gpt_experiments,
)
from tl_course.lessons.n09_small_gpt import (
    figures as gpt_plots,
)
from tl_course.lessons.n09_small_gpt import (
    gpt,
    ngram,
)
from tl_course.study import results

SMALL = ("numpy", "matplotlib")  # enough of the text for a test
TINY = {"width": 32, "blocks": 2, "heads": 2, "context": 32}


def test_text_becomes_symbols_and_text_again():
    text = "\nAll of it: " + gpt.SYMBOLS
    assert gpt.decode(gpt.encode(text)) == text
    assert sorted(gpt.encode(gpt.SYMBOLS).tolist()) == list(range(96))
    with refused("unknown_character", "'ß'"):
        gpt.encode("Straße")


def test_it_has_about_a_million_parameters_and_tied_weights():
    net = gpt.fresh_gpt(0)
    assert 0.8e6 < sum(p.numel() for p in net.parameters()) < 1.1e6
    assert net.output.weight is net.symbol.weight
    untied = gpt.untie(net)
    assert untied.output.weight is not untied.symbol.weight
    assert torch.equal(untied.output.weight, net.output.weight)
    assert network.fingerprint(gpt.fresh_gpt(0)) == network.fingerprint(net)
    assert network.fingerprint(gpt.fresh_gpt(1)) != network.fingerprint(net)


def test_a_fresh_one_knows_nothing():
    x = torch.randint(96, (4, 128), generator=torch.Generator().manual_seed(0))
    assert gpt.bits(gpt.fresh_gpt(0), x, x.roll(-1, 1)) == pytest.approx(math.log2(96), abs=0.1)


def test_no_place_sees_what_comes_later():
    net = gpt.fresh_gpt(0, **TINY).eval()
    x = torch.randint(96, (2, 20), generator=torch.Generator().manual_seed(0))
    changed = x.clone()
    changed[:, 12] = (x[:, 12] + 1) % 96
    before, after = net(x), net(changed)
    assert torch.allclose(before[:, :12], after[:, :12], atol=1e-6)
    assert (before[:, 12:] - after[:, 12:]).abs().amax((0, 2)).min() > 1e-4


def test_attention_is_what_the_paper_says():
    """A block against softmax(QKᵀ/√d)V written out."""
    block = gpt.Block(16, 2)
    x = torch.randn(3, 5, 16, generator=torch.Generator().manual_seed(0))
    q, k, v = block.look(block.norm1(x)).split(16, 2)
    heads = []
    for columns in (slice(0, 8), slice(8, 16)):
        scores = q[..., columns] @ k[..., columns].transpose(1, 2) / math.sqrt(8)
        scores = scores.masked_fill(torch.ones(5, 5).triu(1).bool(), -math.inf)
        heads.append(scores.softmax(2) @ v[..., columns])
    y = x + block.join(torch.cat(heads, 2))
    y = y + block.narrow(F.gelu(block.widen(block.norm2(y))))
    assert torch.allclose(block(x), y, atol=1e-5)


def test_a_text_that_is_too_long_is_refused():
    with refused("too_long", "33", "32"):
        gpt.fresh_gpt(0, **TINY)(torch.zeros(1, 33, dtype=torch.int64))


def test_lines_are_scored_with_their_ends_and_without_what_is_in_front():
    x, y = gpt.padded(["ab", "c"], ["xy\n", ""])
    assert gpt.decode(x[0]) == "\nxy\nab" and gpt.decode(x[1][:2]) == "\nc"
    scored = [gpt.decode(row[row != gpt.NOT_SCORED]) for row in y]
    assert scored == ["ab\n", "c\n"]
    assert (y[0, :3] == gpt.NOT_SCORED).all()


def test_bits_are_the_mean_of_all_characters_whatever_the_batch():
    net, texts = gpt.fresh_gpt(0, **TINY), ["one thing", "another", "a third one"]
    x, y = gpt.padded(texts)
    every = [gpt.bits(net, *gpt.padded([line])) * (len(line) + 1) for line in texts]
    expected = sum(every) / sum(len(line) + 1 for line in texts)
    assert gpt.bits(net, x, y) == pytest.approx(expected, rel=1e-4)
    assert gpt.bits(net, x, y, batch=1) == pytest.approx(expected, rel=1e-4)


def test_samples_come_from_the_seed_and_stop_where_told():
    net = gpt.fresh_gpt(0, **TINY)
    assert gpt.sample(net, seed=1, length=60) == gpt.sample(net, seed=1, length=60)
    assert gpt.sample(net, seed=1, length=60) != gpt.sample(net, seed=2, length=60)
    assert len(gpt.sample(net, "ab", length=50)) == 50, "also beyond the context"
    cold = {gpt.sample(net, "ab", length=9, temperature=0, seed=seed) for seed in range(3)}
    assert len(cold) == 1
    assert "\n" not in gpt.sample(net, length=500, stop_at_end=True)
    with refused("temperature", "-1"):
        gpt.sample(net, temperature=-1)


def test_it_learns_lines_by_heart_through_the_courses_loop():
    net, texts = gpt.fresh_gpt(0, **TINY), ["so it goes", "as it were"]
    x, y = gpt.padded(texts)
    before = gpt.bits(net, x, y)
    history = training.train(net, lambda step: (x, y), Recipe(150, 1e-2))
    assert history.finished and before > 6 and gpt.bits(net, x, y) < 0.5
    assert gpt.sample(net, "\n", 12, temperature=0, stop_at_end=True) in texts


def test_pretraining_goes_on_where_it_was_stopped(tmp_path):
    text, recipe = prose.prose(SMALL).train[:20_000], Recipe(6, 1e-3, bf16=False)
    whole, history = gpt_experiments.pretrain_gpt(text, recipe)
    stop = threading.Event()

    def press(step, net, history):
        if step == 3:
            stop.set()

    saving = {"checkpoint": tmp_path / "checkpoint.safetensors"}
    _, stopped = gpt_experiments.pretrain_gpt(
        text, recipe, callbacks=Callbacks(press, stop, **saving)
    )
    assert not stopped.finished
    with refused("another_run"):
        gpt_experiments.pretrain_gpt(text, recipe, seed=1, callbacks=Callbacks(**saving))
    rest, resumed = gpt_experiments.pretrain_gpt(text, recipe, callbacks=Callbacks(**saving))
    assert resumed.finished and network.fingerprint(rest) == network.fingerprint(whole)


def test_saved_and_loaded_it_says_the_same(tmp_path):
    net = gpt.fresh_gpt(0)
    folder = gpt.save_gpt(net, tmp_path / "net", source="a test")
    loaded = gpt.load_gpt(folder)
    assert loaded.about["source"] == "a test" and loaded.output.weight is loaded.symbol.weight
    x = torch.randint(96, (2, 50), generator=torch.Generator().manual_seed(0))
    assert torch.allclose(loaded(x), net(x), atol=5e-3)
    weights = folder / files.WEIGHTS_FILE
    assert weights.stat().st_size < 2_500_000
    data = bytearray(weights.read_bytes())
    data[-1000] ^= 0xFF
    weights.write_bytes(bytes(data))
    with refused("fingerprint"):
        gpt.load_gpt(folder)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("blocks", 10**9), ("blocks", 0), ("blocks", -1), ("heads", 5), ("heads", 0),
        ("width", True), ("width", 10**30), ("width", 31), ("context", "32"),
        ("context", None), ("depth", 1), ("width", ...),
    ],
)  # fmt: skip
def test_a_small_gpt_of_another_shape_is_one_sentence(tmp_path, key, value):
    gpt.save_gpt(gpt.fresh_gpt(0, **TINY), tmp_path)
    description = gpt.load_gpt(tmp_path).about
    assert description["architecture"] == TINY
    path = tmp_path / files.WEIGHTS_FILE
    description["architecture"][key] = value
    if value is ...:
        del description["architecture"][key]
    state = safetensors.torch.load_file(path)
    safetensors.torch.save_file(state, path, metadata={"network": json.dumps(description)})
    with refused("not_as_described|heads|does_not_fit", "weights.safetensors"):
        gpt.load_gpt(tmp_path)


def test_a_small_gpt_is_not_overwritten_unasked(tmp_path):
    first, other = gpt.fresh_gpt(0, **TINY), gpt.fresh_gpt(1, **TINY)
    gpt.save_gpt(first, tmp_path)
    saved = (tmp_path / files.WEIGHTS_FILE).read_bytes()
    with refused("already_there"):
        gpt.save_gpt(other, tmp_path)
    assert (tmp_path / files.WEIGHTS_FILE).read_bytes() == saved
    gpt.save_gpt(other, tmp_path, overwrite=True)
    assert (tmp_path / files.WEIGHTS_FILE).read_bytes() != saved


def test_another_kind_of_network_is_refused(tmp_path):
    files.save(network.FiveLayerNet(10), tmp_path)
    with refused("not_as_described"):
        gpt.load_gpt(tmp_path)


# The source and the target.


def test_the_prose_is_sentences_and_always_the_same():
    corpus = prose.prose(SMALL)
    train, held_out = corpus.train.splitlines(), corpus.held_out.splitlines()
    assert len(corpus.train) > 500_000 and len(corpus.held_out) > 10_000
    assert all(map(prose.is_prose, train + held_out))
    assert len(set(train + held_out)) == len(train) + len(held_out), "a paragraph comes twice"
    prose.prose.cache_clear()
    assert prose.prose(SMALL).hash == corpus.hash
    assert set(corpus.versions) == {"numpy", "matplotlib"}


def test_paragraphs_end_at_empty_lines_and_where_the_indentation_changes():
    text = """Mean of
    a sequence.

    Parameters
    ----------
    x : array_like
        The numbers that
        are averaged.
    """
    paragraphs = list(prose.paragraphs(text))
    assert (
        paragraphs[0] == "Mean of a sequence."
        and paragraphs[-1] == "The numbers that are averaged."
    )
    assert [p for p in paragraphs if prose.is_prose(p)] == ["Mean of a sequence.", paragraphs[-1]]


@pytest.mark.parametrize(
    "text", ["no capital letter here.", "Without an end", "Too short.", "Code: >>> one two three.",
             "A naïve way of doing it.", "1 + 1 = 2 ? Or (3, 4, 5, 6, 7, 8)."],
)  # fmt: skip
def test_what_is_no_prose(text):
    assert not prose.is_prose(text)
    assert prose.is_prose("This is a sentence of some length.")


def test_the_target_is_nowhere_in_the_source():
    names = lines()
    corpus = prose.prose()
    text = (corpus.train + corpus.held_out).casefold()
    assert len(text) > 5_000_000
    assert not [n for n in names.pool + names.validation + names.test if n.casefold() in text]
    remaining = prose.without_target(["It is an Ear Of Corn.", "It is an ear."], ("ear of corn",))
    assert remaining == ["It is an ear."]


def test_no_line_is_in_two_parts_and_draws_are_nested():
    names = lines()
    parts = [set(names.pool), set(names.validation), set(names.test)]
    assert sum(map(len, parts)) == len(set.union(*parts)) == len(names.pool) + 300
    assert len(names.pool) >= 300
    fifty = draw_lines(names.pool, 50, 3)
    assert len(set(fifty)) == 50 and set(fifty) <= parts[0]
    assert draw_lines(names.pool, 10, 3) == fifty[:10] and draw_lines(names.pool, 50, 4) != fifty
    with refused("too_few_lines"):
        draw_lines(names.pool, 1000, 0)


# Counting letters.


def test_an_n_gram_gives_probabilities_and_learns():
    counts = ngram.NGram("\nabab\nabab\n", 2)
    for context in ("", "\n", "a", "zab", "never seen"):
        total = sum(counts.probability(context, symbol) for symbol in gpt.SYMBOLS)
        assert total == pytest.approx(1)
    assert counts.probability("\na", "b") > 0.8 > counts.probability("\na", "a")
    names = lines()
    text = "\n" + "\n".join(names.pool) + "\n"
    orders = [ngram.ngram_bits(ngram.NGram(text, order), names.validation) for order in (0, 1, 2)]
    assert math.log2(96) > orders[0] > orders[1] > orders[2]


def test_two_n_grams_can_be_mixed():
    first, other = ngram.NGram("\nxyz\n", 1), ngram.NGram("\nabcabc\n", 2)
    mixed = ngram.Mixture(first, other, 0.25)
    assert sum(mixed.probability("ab", s) for s in gpt.SYMBOLS) == pytest.approx(1)
    expected = 0.25 * first.probability("ab", "c") + 0.75 * other.probability("ab", "c")
    assert mixed.probability("ab", "c") == pytest.approx(expected)


# Adapting.


@pytest.fixture(scope="module")
def shipped():
    return gpt_experiments.pretrained_gpt()


def test_option_1_moves_the_output_layer_alone_and_option_2_everything(shipped):
    before = network.fingerprint(shipped)
    fifty = draw_lines(lines().pool, 50, 0)
    few = Settings(learning_rate=1e-3, steps=5)
    frozen, _ = gpt_experiments.adapt_gpt("option-1", shipped, fifty, 0, few)
    two, _ = gpt_experiments.adapt_gpt("option-2", shipped, fifty, 0, few)
    assert network.fingerprint(shipped) == before, "the source network was changed"
    changed = {
        k for k, v in frozen.state_dict().items() if not torch.equal(v, shipped.state_dict()[k])
    }
    assert changed == {"output.weight"}
    moved = {k for k, v in two.state_dict().items() if not torch.equal(v, shipped.state_dict()[k])}
    assert {name.split(".")[0] for name in moved} >= {"symbol", "blocks", "norm", "output"}


def test_the_prompts_are_as_long_as_each_other_and_differ():
    names, shuffled, other = (gpt_experiments.front(k, 2, 5) for k in gpt_experiments.FRONTS)
    assert [len(t.splitlines()) for t in (names, shuffled, other)] == [2, 2, 2]
    assert len(names) == len(shuffled) == len(other) and len({names, shuffled, other}) == 3
    assert sorted(names) == sorted(shuffled)
    assert set(names.splitlines()) <= set(lines().pool)
    assert gpt_experiments.front("names", 1, 5) == names.split("\n")[0] + "\n"


def test_every_arm_has_as_many_settings():
    arms = [*gpt_experiments.RATES, *gpt_experiments.COUNTING]
    assert {len(set(gpt_experiments.settings_to_try(arm))) for arm in arms} == {12}


# What is shipped and recorded.


def test_the_shipped_one_is_small_and_reads_held_out_text(shipped):
    folder = gpt_experiments.shipped_gpt_folder()
    assert (folder / files.WEIGHTS_FILE).stat().st_size <= 2_500_000
    about = shipped.about
    assert about["seconds"] > 0 and about["machine"]
    assert len(about["text"]["sha256"]) == 64 and set(about["text"]["versions"]) >= {"numpy"}
    text = prose.prose(SMALL)
    measured = gpt.bits(shipped, *gpt_experiments.measured_on(text.held_out, most=100))
    assert measured < 2.6, "it needs about 6.6 where it knows nothing"
    assert about["metrics"]["bits a character, held out"] < 2.4


def test_the_recorded_runs_show_what_the_notebook_says():
    table = results.load("small_gpt")
    test = table[table.question == "test"]
    by = test.groupby("arm").draw.nunique()
    arms = [*gpt_experiments.RATES, *gpt_experiments.COUNTING]
    assert by.reindex(arms).eq(gpt_experiments.DRAWS).all() and gpt_experiments.DRAWS >= 5
    gain, interval, least = gpt_experiments.fewer(test, "option-2", "scratch")
    assert gain - interval > 0.3 and least > 0
    rows = table.to_dict("records")
    for arm in arms:
        chosen = gpt_experiments.best_settings(rows, arm)
        used = test[test.arm == arm]
        assert set(used.steps) == {chosen.steps} and set(used.rate) == {chosen.learning_rate}
        tuned = table[(table.question == "validation") & (table.arm == arm)]
        assert len(tuned) == 12 * gpt_experiments.TUNING_DRAWS
        assert not set(tuned.draw) & set(used.draw)


def test_a_recorded_run_comes_out_the_same_here(shipped):
    table = results.load("small_gpt")
    recorded = table[(table.question == "test") & (table.draw == 0)].set_index("arm")
    for arm in ("option-1", "counting"):
        row = recorded.loc[arm]
        chosen = Settings(row.l2, row.rate, int(row.steps))
        (again,) = gpt_experiments.run_fifty_lines(arm, 0, [chosen], "test")
        assert again["bits"] == pytest.approx(row.bits, abs=0.03)
    unchanged = table[table.question == "unchanged"].bits.item()
    assert gpt_experiments.scored(shipped, lines().test) == pytest.approx(unchanged, abs=0.01)


def test_the_figures_say_what_they_show():
    rows = [{"arm": arm, "draw": d, "bits": 3.0 + d} for arm in gpt_plots.STYLES for d in (0, 1)]
    heard = gpt_plots.plot_bits(pd.DataFrame(rows), "All arms").alt
    assert all(f"{label}: 3.50 ± 0.71" in heard for label, _, _ in gpt_plots.STYLES.values())
    rows = [{"front": "nothing", "lines": 0, "draw": 0, "bits": 4.0}]
    rows += [
        {"front": k, "lines": n, "draw": 0, "bits": 3.0} for k in gpt_plots.FRONTS for n in (1, 4)
    ]
    heard = gpt_plots.in_front(pd.DataFrame(rows), "In front").alt
    assert "nothing in front: 4.00" in heard and "3.00 with 4" in heard
    shown = gpt_plots.table_of_texts({"<a>": ["x & y", "z"]}, "two").data
    assert "&lt;a&gt;" in shown and "x &amp; y<br>z" in shown
    table = gpt_experiments.distance({"parameters": 1e6}, {"parameters": 175e9})
    assert table.loc["parameters", "GPT-3 has more by"] == "175,000 times"
