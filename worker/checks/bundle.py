"""The bundle: every digest, every graph, every golden case."""

from collections.abc import Iterator

from worker.assemble import load_labeller
from worker.checks.finding import Finding, note, ok
from worker.observe.drift import drift_of
from worker.settings import Settings

OLD_DAYS = 180
"""After so many days the alert SongprintModelOutOfDate fires."""


def check_bundle(settings: Settings, now: float) -> Iterator[Finding]:
    """`now` is in seconds since 1970. Raises Stop if the bundle may not run."""
    labeller = load_labeller(settings)
    yield ok(
        "bundle",
        f"{settings.model.bundle} holds the model {labeller.version}: {len(labeller.vocabulary):,} songs, genders "
        f"{', '.join(labeller.genders)}, {len(labeller.cluster_names)} clusters; all digests and golden cases agree",
    )
    days = (now - labeller.created.timestamp()) / 86_400
    if days > OLD_DAYS:
        yield note(
            "bundle", f"{labeller.version} was trained {days:,.0f} days ago", "train one on recent plays; see models.md"
        )
    if drift_of(labeller.distribution, labeller.genders, len(labeller.cluster_names)) is None:
        yield note(
            "bundle",
            f"{settings.model.bundle} does not tell how its labels were distributed in training: drift is not measured",
            "train and export the model again with this release",
        )
