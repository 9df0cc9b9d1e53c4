"""The recipe `joint` against its description: one code for gender and for the songs, and a training stopped early."""

import numpy as np
import pytest
from scipy import sparse

from training.models.interface import Examples
from training.models.joint import Joint, _Network
from training.watch import History

USERS, SONGS = 200, 20


@pytest.fixture
def examples() -> Examples:
    """Songs tell half of what there is to know of genders; one playlist is empty, some of the genders are unknown."""
    random = np.random.default_rng(4)
    matrix = (random.random((USERS, SONGS)) < 0.3).astype(np.float32)
    matrix[3] = 0
    told = matrix[:, :6].sum(axis=1) + random.normal(0, 1, USERS) > 1.8
    gender = np.where(random.random(USERS) < 0.2, -1, told).astype(np.int8)
    return Examples(sparse.csr_array(matrix), gender)


def test_the_loss_is_that_of_gender_and_of_the_songs_seen_through_one_code(examples: Examples) -> None:
    network = _Network(SONGS, Joint(units=6, dropout=0.9, reconstruction=0.25), seed=1)
    table, bias, back, offsets, output, intercept = network.weights()
    playlists = examples.matrix.toarray().astype(np.float64)
    lengths = np.maximum(playlists.sum(axis=1), 1)
    code = np.maximum(playlists / np.sqrt(lengths)[:, None] @ table + bias, 0)
    logit = code @ output[:, 0] + intercept
    gender = np.where(examples.gender >= 0, np.logaddexp(0, logit) - (examples.gender == 1) * logit, 0)
    songs = code @ back + offsets
    surprise = np.logaddexp.reduce(songs, axis=1) - (playlists * songs).sum(axis=1) / lengths
    expected = gender + 0.25 * np.where(playlists.any(axis=1), surprise, 0)
    assert network.validation_loss(examples) == pytest.approx(expected.mean(), rel=1e-5)


def test_it_is_trained_on_all_for_as_many_epochs_as_served_the_held_out_best(examples: Examples) -> None:
    history = History()
    held = np.flatnonzero(examples.gender >= 0)[::4]
    Joint(units=16, dropout=0.0, rate=0.05, epochs=30, patience=3).fit(examples, held, 1, history)
    finding = [figures["validation_loss"] for figures in history.epochs if figures["phase"] == "finding the epochs"]
    best = int(np.argmin(finding)) + 1
    assert 1 < best == len(finding) - 3 < 27, "beyond it, what is learnt by heart is of no use to others"
    assert [figures["phase"] for figures in history.epochs].count("training on all") == best


def test_no_more_users_are_written_out_at_once_than_a_batch_holds(
    examples: Examples, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither to learn from nor to measure: what is said of every song by every user would not fit into memory."""
    network = _Network(SONGS, Joint(units=6, batch_users=30), seed=1)
    sizes: list[int] = []
    for name in ("_train", "_validate"):
        monkeypatch.setattr(network, name, lambda entries, lengths, *_: sizes.append(len(lengths)) or 0.0)
        getattr(network, "train_epoch" if name == "_train" else "validation_loss")(examples)
        assert (max(sizes), sum(sizes)) == (30, USERS)
        sizes.clear()
