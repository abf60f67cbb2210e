"""Draws keyed by (seed, step), the text of the standard library, and the digits."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from workers.datasets.data import keyed_draws
from workers.datasets.digits import load_digits_data
from workers.datasets.stdlib_text import TextData, load_text_data, read_corpus, source_files

CONTEXT = 16
PHILOX_3_5 = [1643616817891503291, 6122324068101744239]
seeds = st.integers(0, 2**31 - 1)
steps = st.integers(0, 10_000_000)


@given(seeds, steps, st.integers(1, 300), st.integers(1, 2**40))
def test_draws_are_a_function_of_their_key_and_stay_in_range(
    seed: int, step: int, count: int, below: int
) -> None:
    draws = keyed_draws(seed, step, count, below)
    assert draws.shape == (count,)
    assert 0 <= int(draws.min()) <= int(draws.max()) < below
    assert torch.equal(draws, keyed_draws(seed, step, count, below))


@given(seeds, steps, steps)
def test_another_step_or_seed_draws_something_else(seed: int, step: int, other: int) -> None:
    draws = keyed_draws(seed, step, 8, 2**40)
    assert not torch.equal(draws, keyed_draws(seed + 1, step, 8, 2**40))
    assert torch.equal(draws, keyed_draws(seed, other, 8, 2**40)) == (step == other)


def test_draws_are_the_same_on_every_machine() -> None:
    """Pins Philox's raw stream: other numbers would break every stored study's reproducibility."""
    raw = np.random.Philox(key=np.array([3, 5], dtype=np.uint64)).random_raw(2)
    assert [int(value) for value in raw] == PHILOX_3_5
    assert keyed_draws(3, 5, 2, 2**40).tolist() == [value % 2**40 for value in PHILOX_3_5]


def test_draws_are_uniform() -> None:
    """20,000 draws into 10 bins: chi-squared with 9 degrees of freedom, 0.1 % above 27.9."""
    counts = torch.bincount(keyed_draws(0, 0, 20_000, 10), minlength=10)
    assert float(((counts - 2_000) ** 2 / 2_000).sum()) < 27.9


def test_targets_of_text_are_the_next_bytes() -> None:
    batch = load_text_data(CONTEXT).batch(0, 0, 32)
    assert batch.inputs.shape == batch.targets.shape == (32, CONTEXT)
    assert torch.equal(batch.inputs[:, 1:], batch.targets[:, :-1])
    assert int(batch.inputs.max()) < 256


def test_the_standard_library_is_read_to_about_its_limit() -> None:
    corpus = load_text_data(CONTEXT).corpus
    size = len(corpus.train) + len(corpus.validation)
    assert 6_000_000 < size < 9_000_000
    assert 0.03 < len(corpus.validation) / size < 0.2
    assert len(corpus.sha256) == 64


def test_only_the_librarys_own_sources_are_read(tmp_path: Path) -> None:
    for name in (
        "ast.py",
        "json/decoder.py",
        "test/test_ast.py",
        "site-packages/torch.py",
        "_sysconfigdata__linux.py",
        "LICENSE.txt",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    assert {path.name for path in source_files(tmp_path)} == {"ast.py", "decoder.py"}


def test_no_file_is_split_between_training_and_validation(tmp_path: Path) -> None:
    for number in range(60):
        (tmp_path / f"module_{number}.py").write_text(f"<{number}>" * 10)
    corpus = read_corpus(tmp_path, max_bytes=10**6)
    train, validation = (
        set(bytes(text.tolist()).decode().strip("<>").split("><"))
        for text in (corpus.train, corpus.validation)
    )
    held_out = set(validation)
    assert held_out
    assert held_out.isdisjoint(train)
    assert len(held_out) + len(train) == 60


def test_the_hash_follows_the_text(tmp_path: Path) -> None:
    for number in range(60):
        (tmp_path / f"module_{number}.py").write_text(f"x = {number}\n")
    before = read_corpus(tmp_path, max_bytes=10**6).sha256
    assert before == read_corpus(tmp_path, max_bytes=10**6).sha256
    (tmp_path / "module_0.py").write_text("x = 1000\n")
    assert before != read_corpus(tmp_path, max_bytes=10**6).sha256


def test_a_library_without_sources_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"too few \.py sources"):
        read_corpus(tmp_path, max_bytes=10**6)


def test_a_context_longer_than_the_text_is_refused(tmp_path: Path) -> None:
    for number in range(60):
        (tmp_path / f"module_{number}.py").write_text("x")
    with pytest.raises(ValueError, match="context 100 does not fit"):
        TextData(read_corpus(tmp_path, max_bytes=10**6), context=100)


def test_digits_are_standardised_and_split() -> None:
    data = load_digits_data()
    (held_out,) = data.validation()
    batch = data.batch(0, 0, 20_000)
    assert held_out.inputs.shape == (359, 64)
    assert int(batch.targets.max()) == 9
    assert abs(float(batch.inputs.mean())) < 0.01
    assert abs(float(batch.inputs.std()) - 1) < 0.01
    drawn = {tuple(image.tolist()) for image in batch.inputs}
    assert len(drawn) == 1797 - 359
    assert drawn.isdisjoint(tuple(image.tolist()) for image in held_out.inputs)
