"""Charts of a run of images: each takes the evidence and gives an inline <svg>."""

import numpy as np

from training.cluster_scores import match_clusters
from training.report.image_evidence import ImageEvidence
from training.report.style import BLUE, CLUSTER_COLOURS, INK, chart, to_svg
from training.serving import Floats


def confusion(evidence: ImageEvidence) -> str:
    """Labels against clusters, each cluster under the label that it stands for."""
    figure, axes = chart(6.2, 5.0)
    counts = np.array(evidence.summary["figures"]["confusion"])
    matched = match_clusters(counts)
    # Clusters that stand for no label come last.
    order = np.argsort(np.where(matched < 0, len(counts), matched), kind="stable")
    counts = counts[:, order]
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (row, column), count in np.ndenumerate(counts):
        if count:
            colour = "white" if share[row, column] > 0.55 else INK
            axes.text(column, row, f"{count:,}", ha="center", va="center", color=colour, fontsize=8)
    axes.grid(visible=False)
    axes.set_xticks(range(counts.shape[1]), [str(number) for number in order])
    axes.set_yticks(range(counts.shape[0]), evidence.summary["data"]["labels"])
    axes.set_xlabel("cluster")
    axes.set_ylabel("label")
    axes.spines[:].set_visible(False)
    return to_svg(figure)


def changes(evidence: ImageEvidence) -> str:
    """Share of the images that changed their cluster between two targets."""
    figure, axes = chart()
    rounds = [epoch for epoch in evidence.history if "changed" in epoch]
    axes.plot([epoch["epoch"] for epoch in rounds], [epoch["changed"] for epoch in rounds], color=BLUE, marker=".")
    axes.set_yscale("symlog", linthresh=1e-3)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("target")
    axes.set_ylabel("share of images")
    return to_svg(figure)


def map_by_label(evidence: ImageEvidence) -> str:
    """The map of images, coloured by label."""
    figure, axes = chart(6.2, 5.0)
    shown = ~np.isnan(evidence.places[:, 0])
    label = np.array(evidence.label)
    for number, name in enumerate(evidence.summary["data"]["labels"]):
        chosen = shown & (label == name)
        x, y = evidence.places[chosen].T
        axes.scatter(x, y, s=9, color=CLUSTER_COLOURS[number % len(CLUSTER_COLOURS)], label=name, linewidths=0)
    axes.set_axis_off()
    axes.legend(frameon=False, markerscale=2, fontsize=8)
    return to_svg(figure)


def errors(evidence: ImageEvidence) -> str:
    """How far images are from what the model makes of them: the right tail are the anomalies."""
    figure, axes = chart()
    axes.hist(evidence.error, bins=50, color=BLUE)
    axes.set_xlabel("mean squared error of an image")
    axes.set_ylabel("images")
    return to_svg(figure)


def strip(images: Floats) -> str:
    """Images side by side; arrays without height and width as bars of colour."""
    count = len(images)
    figure, axes = chart(count * 0.5, 0.5)
    tiles = [image if image.ndim > 1 else image[None, :] for image in images]
    joined = np.concatenate([np.pad(tile, [(0, 0), (0, 1), *[(0, 0)] * (tile.ndim - 2)]) for tile in tiles], axis=1)
    axes.imshow(_picture(joined), cmap="gray_r", vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    axes.set_axis_off()
    return to_svg(figure)


def _picture(image: Floats) -> Floats:
    """[height, width] or [height, width, 3], which are what can be drawn: other channels are averaged."""
    if image.ndim == 2:
        return image
    return image if image.ndim == 3 and image.shape[2] == 3 else image.reshape(*image.shape[:2], -1).mean(axis=2)
