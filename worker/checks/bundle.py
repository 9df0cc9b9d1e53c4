"""The bundle: every digest, every graph, every golden case."""

from collections.abc import Iterator

from worker.assemble import load_labeller
from worker.checks.finding import Finding, note, ok
from worker.observe.drift import drift_of
from worker.settings import Settings


def check_bundle(settings: Settings) -> Iterator[Finding]:
    """Raises Stop if the bundle may not run."""
    labeller = load_labeller(settings)
    yield ok(
        "bundle",
        f"{settings.model.bundle} holds the model {labeller.version}: {len(labeller.vocabulary):,} songs, genders "
        f"{', '.join(labeller.genders)}, {len(labeller.cluster_names)} clusters; all digests and golden cases agree",
    )
    if drift_of(labeller.distribution, labeller.genders, len(labeller.cluster_names)) is None:
        yield note(
            "bundle",
            f"{settings.model.bundle} does not tell how its labels were distributed in training: drift is not measured",
            "train and export the model again with this release",
        )
