"""How large and how hard a synthetic data folder is."""

from dataclasses import dataclass, fields

from training.errors import TrainingError
from training.synthetic.published import PUBLISHED_ARTISTS

CLUSTER_NAMES = (
    "Mandopop ballads",
    "Rock bands",
    "Cantonese classics",
    "Teen idols",
    "Folk and campus",
    "Square dance",
    "R&B and hip-hop",
    "English pop",
)
ENGLISH_CLUSTER = CLUSTER_NAMES.index("English pop")


@dataclass(frozen=True)
class SyntheticSettings:
    """Defaults give a folder on which logistic regression reaches an AUC between .75 and .85."""

    users: int = 3_748
    songs: int = 16_692
    seed: int = 0
    # Share of users who are women.
    female_share: float = 0.4
    # Median number of songs drawn per user, and the spread of its logarithm.
    median_songs: float = 24.0
    length_spread: float = 0.9
    # Exponent of the popularity's long tail.
    popularity_exponent: float = 0.9
    # Spread of the songs' log-odds of being sung by a woman rather than a man.
    gender_skew: float = 0.6
    # Share of users whose taste is that of the other gender: no model can tell them.
    crossing_share: float = 0.12
    # Share of a user's songs that come from the taste of the user's own cluster.
    cluster_focus: float = 0.6
    # Share of users whose gender is not told.
    unknown_share: float = 0.0

    def __post_init__(self) -> None:
        """Raises TrainingError for a value that no data folder can have."""
        least = len(PUBLISHED_ARTISTS) + 10 * len(CLUSTER_NAMES)
        if self.users < 1 or self.songs < least:
            raise TrainingError(f"a synthetic folder needs at least 1 user and {least} songs")
        if self.seed < 0 or self.median_songs < 1:
            raise TrainingError("the seed must be 0 or more and the median number of songs 1 or more")
        for field in fields(self):
            share = getattr(self, field.name)
            if field.name.endswith("_share") and not 0 <= share <= 1:
                raise TrainingError(f"{field.name} must lie between 0 and 1, and is {share}")
