"""Fitting a playlist recipe: train it, and describe what came out on users that it did not learn from."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from rich.console import Console

from training.baselines import measure_baselines
from training.calibrated_fit import CalibratedFit, fit_calibrated
from training.clusters import CANDIDATES, Clustering, Tried, find_clusters
from training.datasets.checks import require_both_genders, require_different_playlists
from training.datasets.digest import data_digest
from training.datasets.load import load_playlists
from training.datasets.playlists import GENDERS, Playlists, playlist_lengths, song_users
from training.distribution import describe_distribution
from training.errors import RecipeError
from training.families import FitOptions
from training.metrics import scores
from training.models.interface import Examples
from training.models.linear import Majority
from training.recipe import Recipe
from training.run_folder import FORMAT, Run, package_versions, write_run
from training.typical_songs import describe_clusters
from training.user_map import map_users
from training.watch import History, Watch, progress_bar
from worker.contract.user_label import Abstention


@dataclass(frozen=True)
class HeldOut:
    """Users whose gender the model did not learn from, and what it says of them."""

    users: Playlists
    # float64 [users]: calibrated log-odds of the second gender.
    logits: NDArray[np.float64]
    # intp [users]
    cluster: NDArray[np.intp]
    # int64 [users]: songs that users who were learnt from have too.
    known: NDArray[np.int64]

    @property
    def target(self) -> NDArray[np.float32]:
        target: NDArray[np.float32] = (self.users.gender == len(GENDERS) - 1).astype(np.float32)
        return target

    @property
    def probability(self) -> NDArray[np.float64]:
        """float64 [users]: calibrated probability of the second gender."""
        probability: NDArray[np.float64] = 1 / (1 + np.exp(-self.logits))
        return probability


def fit_folder(recipe: Recipe, data: Path, out: Path, options: FitOptions, console: Console) -> None:
    """The workflow of the family `playlists`."""
    with console.status("reading playlists"):
        playlists = load_playlists(data)
    with progress_bar(console) as watch:
        run = fit_playlists(recipe, playlists, options, watch)
    write_run(out, run)
    figures, calibration = run.summary["figures"]["held_out"], run.summary["calibration"]
    console.print(
        f"{out}: {recipe.name} on {figures['users']:,} held-out users: AUC {figures['auc']:.4f}, accuracy "
        f"{figures['accuracy']:.4f} (majority {figures['majority']:.4f}); labels at {calibration['threshold']:.3f} or "
        f"more: {calibration['coverage']:.1%} of users, {calibration['precision']:.1%} of them right; "
        f"{len(run.clusters)} clusters of taste",
        highlight=False,
        soft_wrap=True,
    )


def fit_playlists(recipe: Recipe, data: Playlists, options: FitOptions, watch: Watch) -> Run:
    """Train `recipe`. Raises DataError for data that cannot be learnt from, before any training.

    Raises RecipeError, before any training too, for one that does not tell users apart.
    """
    _require_clusters(recipe, data)
    require_both_genders(data)
    data = data.played_songs()
    history = History(watch)
    examples = Examples(data.matrix, data.gender)
    fit = fit_calibrated(recipe, examples, options.precision, options.seed, history)
    codes = fit.fitted.serving.codes(data.matrix)
    clustering, tried = find_clusters(codes, options.seed)
    assigned = clustering.nearest(codes)
    held = _held_out(data, fit, assigned)
    return Run(
        summary=_summary(recipe, data, options, fit, clustering, held, tried, measure_baselines(examples, options)),
        serving=fit.fitted.serving,
        clustering=clustering,
        songs=data.songs.append_column("users", pa.array(song_users(data.matrix))),
        clusters=describe_clusters(data.matrix, data.songs, assigned, len(clustering.centroids)),
        history=history.epochs,
        predictions=_predictions(held, map_users(codes[fit.held], options.seed)),
    )


def _require_clusters(recipe: Recipe, data: Playlists) -> None:
    if isinstance(recipe.parameters, Majority):
        raise RecipeError(
            f"{recipe.name} tells everybody the same, so there is nothing to cluster or to serve: it is a baseline; "
            "measure it with evaluate, or fit another recipe"
        )
    require_different_playlists(data, CANDIDATES[0] + 1)


def _held_out(data: Playlists, fit: CalibratedFit, assigned: NDArray[np.intp]) -> HeldOut:
    return HeldOut(
        users=data.users(fit.held),
        logits=fit.fitted.rehearsal.logits(fit.known.matrix) / fit.calibration.temperature,
        cluster=assigned[fit.held],
        known=playlist_lengths(fit.known.matrix),
    )


def _summary(
    recipe: Recipe,
    data: Playlists,
    options: FitOptions,
    fit: CalibratedFit,
    clustering: Clustering,
    held: HeldOut,
    tried: list[Tried],
    baselines: dict[str, dict[str, float]],
) -> dict[str, Any]:
    """run.json"""
    serving, calibration = fit.fitted.serving, fit.calibration
    return {
        "format": FORMAT,
        "recipe": recipe.as_json(),
        "seed": options.seed,
        "created": options.created.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "data": _data_summary(data),
        "versions": package_versions(),
        "genders": list(GENDERS),
        "serving": {
            "exponent": serving.exponent,
            "activation": serving.activation,
            "cluster_alpha": clustering.alpha,
            "cluster_scale": clustering.scale,
        },
        "calibration": {**asdict(calibration), "promised_precision": options.precision},
        "figures": {
            "held_out": {"users": len(held.logits), **scores(held.logits, held.target, calibration.threshold)},
            # Of the same users.
            "baselines": baselines,
            "clusters_tried": [asdict(one) for one in tried],
        },
        "distribution": describe_distribution(
            held.probability,
            Abstention(calibration.threshold, calibration.min_known_songs),
            np.bincount(held.cluster, minlength=len(clustering.centroids)),
            playlist_lengths(held.users.matrix),
            held.known,
        ),
    }


def _data_summary(data: Playlists) -> dict[str, Any]:
    users, songs = data.matrix.shape
    counts = {"users": users, "songs": songs, "plays": int(data.matrix.nnz), **asdict(data.merged)}
    return {"digest": data_digest(data), **counts}


def _predictions(held: HeldOut, places: NDArray[np.float64]) -> pa.Table:
    """One row per held-out user; `probability` is the calibrated one of the second gender."""
    return pa.table(
        {
            "user_id": held.users.user_ids,
            "gender": np.array(GENDERS)[held.users.gender],
            "probability": held.probability,
            "songs": playlist_lengths(held.users.matrix),
            "known_songs": held.known,
            "cluster": held.cluster,
            "map_x": places[:, 0],
            "map_y": places[:, 1],
        }
    )
