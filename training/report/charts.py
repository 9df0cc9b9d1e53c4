"""The report's charts: each takes the evidence and gives an inline <svg>."""

from itertools import pairwise
from typing import Any, Protocol

import numpy as np
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

from training.calibration import judge
from training.datasets.playlists import GENDERS
from training.metrics import calibration_curve
from training.report.evidence import Evidence
from training.report.style import BLUE, CLUSTER_COLOURS, FAINT, GENDER_COLOURS, GRID, INK, ORANGE, chart, to_svg

LENGTH_EDGES = (1, 5, 10, 20, 50, 100, 10_001)
FEWEST = 20
"""Fewer users of a length than this say nothing about it."""


class HasHistory(Protocol):
    """What learning curves need of a run."""

    @property
    def history(self) -> list[dict[str, Any]]:
        """Figures by epoch."""
        ...


class HasMap(Protocol):
    """What a map of clusters needs of a run."""

    @property
    def places(self) -> NDArray[np.float64]:
        """[points, 2]; NaN for what is not on the map."""
        ...

    @property
    def cluster(self) -> NDArray[np.int64]:
        """[points]"""
        ...


def learning_curves(evidence: HasHistory) -> str:
    """Losses by epoch, one line per phase and loss."""
    figure, axes = chart()
    colours = iter((BLUE, ORANGE, *CLUSTER_COLOURS[2:]))
    for phase in dict.fromkeys(epoch["phase"] for epoch in evidence.history):
        epochs = [epoch for epoch in evidence.history if epoch["phase"] == phase]
        for key in ("loss", "validation_loss"):
            shown = [(epoch["epoch"], epoch[key]) for epoch in epochs if key in epoch]
            if shown:
                label = f"{phase}: {key.replace('_', ' ')}"
                style = "-" if key == "validation_loss" else "--"
                axes.plot(*zip(*shown, strict=True), style, color=next(colours, FAINT), label=label, marker=".")
    axes.set_xlabel("epoch")
    axes.set_ylabel("loss")
    axes.legend(frameon=False, fontsize=8)
    return to_svg(figure)


def roc(evidence: Evidence) -> str:
    """True against false positives of the second gender."""
    figure, axes = chart()
    false, true, _ = roc_curve(evidence.target, evidence.probability)
    axes.plot([0, 1], [0, 1], color=GRID)
    axes.plot(false, true, color=BLUE, label=f"AUC {roc_auc_score(evidence.target, evidence.probability):.4f}")
    axes.fill_between(false, true, color=BLUE, alpha=0.08)
    axes.set_xlabel(f"share of {GENDERS[0]} taken for {GENDERS[1]}")
    axes.set_ylabel(f"share of {GENDERS[1]} found")
    axes.legend(frameon=False, loc="lower right")
    return to_svg(figure)


def precision_recall(evidence: Evidence) -> str:
    """Precision against recall, a line per gender."""
    figure, axes = chart()
    for number, name in enumerate(GENDERS):
        wanted = evidence.target == number
        probability = evidence.probability if number else 1 - evidence.probability
        precision, recall, _ = precision_recall_curve(wanted, probability)
        label = f"{name}: average precision {average_precision_score(wanted, probability):.3f}"
        axes.plot(recall, precision, color=GENDER_COLOURS[name], label=label)
        axes.axhline(wanted.mean(), color=GENDER_COLOURS[name], linewidth=0.8, linestyle=":")
    axes.set_xlabel("recall")
    axes.set_ylabel("precision")
    axes.set_ylim(0, 1.02)
    axes.legend(frameon=False, loc="lower left", fontsize=9)
    return to_svg(figure)


def calibration(evidence: Evidence) -> str:
    """What was said against what was true, in bins of equal mass, with two standard errors."""
    figure, axes = chart()
    predicted, observed, users = calibration_curve(evidence.logits, evidence.target.astype(np.float32))
    error = 2 * np.sqrt(np.maximum(observed * (1 - observed), 1e-3) / users)
    axes.plot([0, 1], [0, 1], color=GRID)
    axes.errorbar(predicted, observed, yerr=error, fmt="o", color=BLUE, ecolor=GRID, markersize=5)
    axes.set_xlabel(f"calibrated probability of {GENDERS[1]}")
    axes.set_ylabel(f"share that is {GENDERS[1]}")
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    return to_svg(figure)


def promise(evidence: Evidence) -> str:
    """Precision of published labels against the share of users who get one."""
    figure, axes = chart()
    confidence, right = judge(evidence.logits, evidence.target.astype(np.float32))
    order = np.argsort(-confidence, kind="stable")
    labelled = np.arange(1, len(order) + 1)
    precision = np.cumsum(right[order]) / labelled
    start = max(1, len(order) // 50)
    axes.plot(labelled[start:] / len(order), precision[start:], color=BLUE)
    axes.axhline(evidence.summary["calibration"]["promised_precision"], color=FAINT, linestyle=":", label="promised")
    axes.axvline((confidence >= evidence.threshold).mean(), color=ORANGE, label=f"threshold {evidence.threshold:.3f}")
    axes.set_xlabel("share of users who get a label")
    axes.set_ylabel("share of labels that are right")
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.legend(frameon=False, loc="lower left", fontsize=9)
    return to_svg(figure)


def confusion(evidence: Evidence) -> str:
    """Truth against answer: published labels and abstentions."""
    figure, axes = chart()
    confidence, _ = judge(evidence.logits, evidence.target.astype(np.float32))
    answer = np.where(confidence < evidence.threshold, len(GENDERS), (evidence.probability > 0.5).astype(int))
    counts = np.array([[np.sum((evidence.target == t) & (answer == a)) for a in range(3)] for t in range(2)])
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (row, column), count in np.ndenumerate(counts):
        colour = "white" if share[row, column] > 0.55 else INK
        text = f"{count:,}\n{share[row, column]:.0%}"
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=12)
    axes.grid(visible=False)
    axes.set_xticks(range(3), [f"says {GENDERS[0]}", f"says {GENDERS[1]}", "abstains"])
    axes.set_yticks(range(2), [f"is {name}" for name in GENDERS])
    axes.spines[:].set_visible(False)
    return to_svg(figure)


def auc_by_songs(evidence: Evidence) -> str:
    """How well users are told apart, by the number of their songs: how many songs until a label is worth publishing."""
    figure, axes = chart()
    labels, values, counts = [], [], []
    for low, high in pairwise(LENGTH_EDGES):
        chosen = (evidence.songs >= low) & (evidence.songs < high)
        if chosen.sum() >= FEWEST and len(set(evidence.target[chosen])) == len(GENDERS):
            labels.append(f"{low}-{high - 1}" if high != LENGTH_EDGES[-1] else f"{low} or more")
            values.append(roc_auc_score(evidence.target[chosen], evidence.probability[chosen]))
            counts.append(int(chosen.sum()))
    bars = axes.bar(labels, values, color=BLUE, width=0.6)
    axes.bar_label(
        bars, [f"{value:.3f}\n{count:,} users" for value, count in zip(values, counts, strict=True)], fontsize=8
    )
    axes.axhline(0.5, color=FAINT, linewidth=0.8)
    axes.set_ylim(0.4, 1.0)
    axes.set_xlabel("songs in the playlist")
    axes.set_ylabel("AUC")
    return to_svg(figure)


def confidence(evidence: Evidence) -> str:
    """How sure the model is of its answers, right and wrong ones apart."""
    figure, axes = chart()
    sure, right = judge(evidence.logits, evidence.target.astype(np.float32))
    bins = np.linspace(0.5, 1, 21).tolist()
    axes.hist([sure[right], sure[~right]], bins=bins, stacked=True, color=[BLUE, ORANGE], label=["right", "wrong"])
    axes.axvline(evidence.threshold, color=FAINT, linestyle=":", label="threshold")
    axes.set_xlabel("calibrated probability of the likelier gender")
    axes.set_ylabel("users")
    axes.set_ylim(top=axes.get_ylim()[1] * 1.3)
    axes.legend(frameon=False, loc="upper left", ncols=3, fontsize=9)
    return to_svg(figure)


def playlist_lengths(evidence: Evidence) -> str:
    """How many songs the held-out users have."""
    figure, axes = chart()
    edges = np.geomspace(1, max(evidence.songs.max(), 2) + 1, 25).tolist()
    axes.hist(evidence.songs, bins=edges, color=BLUE)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.set_xlabel("songs in the playlist")
    axes.set_ylabel("users")
    return to_svg(figure)


def clusters_tried(evidence: Evidence) -> str:
    """Why there are as many clusters as there are: the number of the greatest stability times silhouette."""
    figure, axes = chart(6.2, 3.0)
    tried = evidence.summary["figures"]["clusters_tried"]
    numbers = [one["clusters"] for one in tried]
    axes.plot(numbers, [one["stability"] for one in tried], color=BLUE, marker="o", label="stability")
    axes.plot(numbers, [one["silhouette"] for one in tried], color=ORANGE, marker="o", label="silhouette")
    axes.axvline(len(evidence.clusters), color=FAINT, linestyle=":", label="chosen")
    axes.set_xlabel("clusters")
    axes.set_xticks(numbers)
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False)
    return to_svg(figure)


def map_by_cluster(evidence: HasMap) -> str:
    """The map of users or images, coloured by cluster, each cluster's number at its middle."""
    figure, axes = chart(6.2, 5.0)
    shown = ~np.isnan(evidence.places[:, 0])
    places, cluster = evidence.places[shown], evidence.cluster[shown]
    colours = [CLUSTER_COLOURS[number % len(CLUSTER_COLOURS)] for number in cluster]
    axes.scatter(places[:, 0], places[:, 1], s=9, c=colours, linewidths=0)
    for number in np.unique(cluster):
        x, y = np.median(places[cluster == number], axis=0)
        label = axes.text(x, y, str(number), ha="center", va="center", fontsize=13, weight="bold", color=INK)
        # It lies inside the map, so there is no room to be made for it.
        label.set_in_layout(False)
    axes.set_axis_off()
    return to_svg(figure)


def map_by_gender(evidence: Evidence) -> str:
    """The same map, coloured by gender."""
    figure, axes = chart(6.2, 5.0)
    shown = ~np.isnan(evidence.places[:, 0])
    for number, name in enumerate(GENDERS):
        chosen = shown & (evidence.target == number)
        x, y = evidence.places[chosen].T
        axes.scatter(x, y, s=9, color=GENDER_COLOURS[name], label=name, linewidths=0, alpha=0.8)
    axes.set_axis_off()
    axes.legend(frameon=False, markerscale=2)
    return to_svg(figure)
