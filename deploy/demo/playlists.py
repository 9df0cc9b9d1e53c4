"""The seven published playlists, with the answers that were published and those of the model at hand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from deploy.demo.held_out import Listener
from training.synthetic.published import PUBLISHED_PLAYLISTS
from worker.contract.user_label import UserLabel
from worker.inference.labeller import open_labeller

NOTE = "Synthetic data make these songs lean the published way: agreement there proves nothing."


@dataclass(frozen=True)
class Published:
    """One published playlist, as a listener of the stream."""

    listener: Listener
    titles: tuple[str, ...]


def published_playlists(song_of_title: Mapping[str, str]) -> tuple[Published, ...]:
    """Those of the playlists whose songs the data holds, all of them."""
    return tuple(
        Published(Listener(f"published-{number}", tuple(song_of_title[title] for title in titles), answer), titles)
        for number, (titles, answer) in enumerate(PUBLISHED_PLAYLISTS, start=1)
        if song_of_title.keys() >= set(titles)
    )


def compare(playlists: Sequence[Published], labels: Mapping[str, UserLabel], bundle: Path) -> Table:
    """What was published, the gender that the model finds likelier, and what it says in the stream."""
    table = Table(title="The seven published playlists", caption=NOTE, box=None, pad_edge=False)
    table.title_justify = table.caption_justify = "left"
    for heading in ("songs", "published", "likelier", "probability", "label in the stream"):
        table.add_column(heading, justify="right" if heading == "probability" else "left")
    labeller = open_labeller(bundle)
    genders, _ = labeller.run(labeller.features(playlist.listener.songs for playlist in playlists))
    for playlist, probabilities in zip(playlists, genders, strict=True):
        likelier = labeller.genders[int(probabilities.argmax())]
        label = labels[playlist.listener.user].gender.label
        table.add_row(
            " ".join(playlist.titles),
            playlist.listener.gender,
            likelier,
            f"{probabilities.max():.2f}",
            label or "none: not sure enough",
        )
    return table
