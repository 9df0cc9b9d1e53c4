"""The model card: what the model is, how good it is, and what it must not be used for."""

from collections.abc import Iterable, Iterator

from export.run_folder import Run

_USES = """\
## Intended use

Choosing what to show to a group of listeners (playlists, recommendations, greetings) where a wrong guess costs nothing
but relevance, and counting audiences in aggregate.

## Not to be used for

- Deciding anything about one person: access, price, credit, employment, insurance, moderation, law enforcement.
- Stating, storing or disclosing a person's gender as a fact. The label is a guess from songs; it knows only the classes
  that its training data had, and says nothing of those who fit none of them.
- Inferring other traits (age, origin, orientation, health, belief), or joining the labels with data that does.
- Users who object: send their consent event, and the worker withdraws their label.
- Listeners unlike those it was trained on, without measuring it on them first.

## Limits

Short playlists are labelled much worse than long ones. Tastes change and so do catalogues: watch the share of known
songs and the distribution of labels, and train again when they drift. Errors are not spread evenly: listeners whose
taste is rare for their gender are mislabelled more often than others."""


def model_card(run: Run, version: str) -> bytes:
    """The card as Markdown."""
    facts = run.facts
    calibration = facts.calibration
    lines = [
        f"# {version}",
        "",
        f"Recipe `{facts.recipe.name}`, seed {facts.seed}, trained at {facts.created.isoformat()} on "
        f"{facts.data.users:,} users, {facts.data.songs:,} songs and {facts.data.plays:,} plays "
        f"(`{facts.data.digest}`).",
        f"It takes a playlist and gives one of the genders {', '.join(facts.genders)}, and one of {len(run.clusters)} "
        f"clusters of taste, from a code of {len(run.weights.bias)} units. It knows {len(run.songs.ids):,} songs.",
        "",
        _USES,
        "",
        "## Figures",
        "",
        "Measured on users that training did not see; an accuracy says little without the majority rate beside it.",
        "",
        *_table(("figure", "value"), _figures(facts.figures)),
        "",
        f"A gender is published from a probability of {calibration.threshold:.3f} and {calibration.min_known_songs} "
        f"known songs on: for {calibration.coverage:.1%} of users, of whom {calibration.precision:.1%} are right. "
        f"Temperature {calibration.temperature:.3f}.",
        "",
        "## Clusters",
        "",
        *_table(("id", "name", "share of users"), ((c.id, c.name, f"{c.size:.1%}") for c in run.clusters)),
        "",
    ]
    return "\n".join(lines).encode()


def _figures(figures: dict[str, object], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in figures.items():
        if isinstance(value, dict):
            yield from _figures(value, f"{prefix}{name}.")
        elif isinstance(value, float):
            yield f"{prefix}{name}", f"{value:.4f}"
        elif isinstance(value, int | str):
            yield f"{prefix}{name}", str(value)


def _table(header: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> Iterator[str]:
    for row in (header, ("---",) * len(header), *rows):
        cells = (str(cell).replace("|", "\\|") for cell in row)
        yield f"| {' | '.join(cells)} |"
