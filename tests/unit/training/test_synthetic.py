"""The synthetic folder: reproducible, titled like songs, as hard as promised, with its truth beside it."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from training.datasets.load import load_playlists
from training.datasets.playlists import song_users
from training.datasets.split import hold_out
from training.errors import TrainingError
from training.synthetic.published import PUBLISHED_ARTISTS, PUBLISHED_PLAYLISTS
from training.synthetic.settings import SyntheticSettings
from training.synthetic.write import write_synthetic


@pytest.fixture(scope="module")
def default_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("synthetic") / "default"
    write_synthetic(folder, SyntheticSettings())
    return folder


def test_is_as_hard_as_real_data(default_folder: Path) -> None:
    data = load_playlists(default_folder)
    assert data.matrix.shape[0] == 3_748
    learn, test = hold_out(data.gender, 0.25, seed=0)
    rows = data.matrix.multiply(1 / np.sqrt(data.matrix.sum(axis=1))[:, None]).tocsr()
    model = LogisticRegression(C=1.0, max_iter=500).fit(rows[learn], data.gender[learn])
    assert 0.75 < roc_auc_score(data.gender[test], model.decision_function(rows[test])) < 0.85


def test_popularity_has_a_long_tail(default_folder: Path) -> None:
    users = np.sort(song_users(load_playlists(default_folder).matrix))[::-1]
    assert users[:160].sum() > 0.2 * users.sum()
    assert np.median(users) < users[0] / 50


def test_titles_are_chinese_and_english_and_unique(default_folder: Path) -> None:
    titles = pq.read_table(default_folder / "songs.parquet")["title"].to_pylist()
    assert len(set(titles)) == len(titles) == 16_692
    english = sum(title.isascii() for title in titles)
    assert 0.05 < english / len(titles) < 0.5


def test_the_published_example_is_as_published() -> None:
    published = """
        一路向北 暗香 菊花台 → m
        不要说话 平凡之路 李白 → m
        知足 被风吹过的夏天 龙卷风 → m
        情人 再见 无赖 离人 你的样子 → m
        小情歌 我好想你 无与伦比的美丽 → f
        忐忑 最炫民族风 小苹果 → m
        青春修炼手册 爱出发 宠爱 魔法城堡 样 → f
    """
    assert [f"{' '.join(songs)} → {answer}" for songs, answer in PUBLISHED_PLAYLISTS] == [
        line.strip() for line in published.strip().splitlines()
    ]


def test_published_songs_lean_as_their_answers(default_folder: Path) -> None:
    data = load_playlists(default_folder)
    column = {title: number for number, title in enumerate(data.songs["title"].to_pylist())}
    women, men = song_users(data.matrix[data.gender == 0]), song_users(data.matrix[data.gender == 1])
    rates = women / (data.gender == 0).sum(), men / (data.gender == 1).sum()
    for songs, answer in PUBLISHED_PLAYLISTS:
        by_women, by_men = (sum(rate[column[title]] for title in songs) for rate in rates)
        assert (by_women > by_men) == (answer == "f"), songs
    assert len(PUBLISHED_ARTISTS) == sum(len(songs) for songs, _ in PUBLISHED_PLAYLISTS)


def test_truth_names_every_user_and_song(default_folder: Path) -> None:
    users = pq.read_table(default_folder / "users.parquet").to_pydict()
    truth = pq.read_table(default_folder / "truth_users.parquet").to_pydict()
    assert users["user_id"] == truth["user_id"]
    assert users["gender"] == truth["gender"]
    assert len(set(truth["cluster"])) == 8
    songs = pq.read_table(default_folder / "truth_songs.parquet")
    assert songs.num_rows == 16_692
    assert sum(songs["popularity"].to_pylist()) == pytest.approx(1)


def test_users_sing_mostly_the_songs_of_their_planted_cluster(default_folder: Path) -> None:
    plays, users, songs = (
        pq.read_table(default_folder / f"{name}.parquet").to_pydict()
        for name in ("plays", "truth_users", "truth_songs")
    )
    cluster_of_user = dict(zip(users["user_id"], users["cluster"], strict=True))
    cluster_of_song = dict(zip(songs["song_id"], songs["cluster"], strict=True))
    pairs = zip(plays["user_id"], plays["song_id"], strict=True)
    own = np.mean([cluster_of_user[user] == cluster_of_song[song] for user, song in pairs])
    assert 0.55 < own < 0.7, "the focus of .6, and one in eight of the other songs"


def test_a_seed_makes_the_same_folder(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write_synthetic(tmp_path / name, SyntheticSettings(users=50, songs=200, seed=seed))
    plays = [(tmp_path / name / "plays.parquet").read_bytes() for name in "abc"]
    assert plays[0] == plays[1] != plays[2]


def test_genders_can_be_left_untold(tmp_path: Path) -> None:
    write_synthetic(tmp_path / "data", SyntheticSettings(users=400, songs=200, unknown_share=0.25))
    gender = load_playlists(tmp_path / "data").gender
    assert 0.15 < (gender == -1).mean() < 0.35


@pytest.mark.parametrize("wrong", [{"users": 0}, {"songs": 30}, {"seed": -1}, {"female_share": 1.5}])
def test_refuses_impossible_settings(wrong: dict[str, float]) -> None:
    with pytest.raises(TrainingError):
        SyntheticSettings(**wrong)


def test_never_overwrites(tmp_path: Path) -> None:
    (tmp_path / "kept.txt").write_text("mine")
    with pytest.raises(TrainingError, match="not an empty folder"):
        write_synthetic(tmp_path, SyntheticSettings(users=10, songs=200))
