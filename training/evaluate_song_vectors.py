"""Comparing recipes of song vectors on the same held-out co-occurrences."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from training.errors import DataError, TrainingError
from training.evaluate import Results, compare, figure, open_results, store_results
from training.fit_song_vectors import fit_and_measure
from training.markdown import markdown, mean_and_deviation
from training.recipe import Recipe
from training.song_vectors.corpus import ContextKind, Corpus
from training.watch import Watch, unwatched

COLUMNS = {"hit_rate": "hit rate at 10", "ndcg": "NDCG at 10", "mrr": "MRR at 10"}
GENRES = "genre_purity"


FAMILY = "song_vectors"


@dataclass(frozen=True)
class VectorPlan:
    """What has to be the same for figures to be comparable."""

    data: str
    folds: int
    repeats: int
    seed: int


def one_kind(recipes: Sequence[Recipe]) -> ContextKind:
    """The contexts that all recipes learn from. Raises TrainingError where they differ."""
    kinds = {recipe.parameters.contexts: recipe.name for recipe in recipes}
    if len(kinds) > 1:
        says = " and ".join(f"{name} from {kind}" for kind, name in kinds.items())
        raise TrainingError(f"recipes of one evaluation have to share their contexts, but {says} learns; ask apart")
    kind: ContextKind = next(iter(kinds))
    return kind


def evaluate_song_vectors(
    recipes: Sequence[Recipe], corpus: Corpus, plan: VectorPlan, path: Path, watch: Watch, first: int | None = None
) -> Results:
    """Fit every recipe on every fold that `path` has no figures of yet. The seed of a fit is that of the fold.

    Raises DataError, before any training, where there are more folds than the data has something to hold out for.
    """
    folds = list(corpus.contexts.folds(plan.folds, plan.repeats, plan.seed))[:first]
    if not all(held.chance.nnz for _, held in folds):
        raise DataError(f"one of {plan.folds} parts holds nothing that occurs together; use fewer --folds, or add data")

    def fit_fold(recipe: Recipe, number: int) -> dict[str, float]:
        started = time.perf_counter()
        learn, held = folds[number]
        figures = fit_and_measure(recipe, corpus, learn, held, plan.seed + number, unwatched)
        return {**figures, "seconds": time.perf_counter() - started}

    results = open_results(path, asdict(plan), FAMILY)
    for recipe in recipes:
        stored = results["recipes"].setdefault(recipe.name, {"recipe": recipe.as_json(), "folds": []})
        if stored["recipe"] != recipe.as_json():
            raise TrainingError(f"{path} holds {recipe.name} with other parameters; give another --out")
        for number in range(len(stored["folds"]), len(folds)):
            stored["folds"].append(fit_fold(recipe, number))
            store_results(path, results)
            told = {"phase": recipe.name, "epoch": number + 1, "hit_rate": stored["folds"][-1]["hit_rate"]}
            watch(told, len(folds))
    return results


def vector_table(results: Results, reference: str) -> str:
    """Markdown: what was measured, and a row per recipe."""
    return "\n".join([*vector_words(results, reference), "", *markdown(vector_rows(results, reference))])


def vector_rows(results: Results, reference: str) -> list[list[str]]:
    """A row of text per recipe, best first: means ± deviations over parts, and the paired test of the hit rate."""
    tests = compare(results, reference, "hit_rate")
    rows = [["recipe", *COLUMNS.values(), "same genre", "seconds", f"{reference} better by", "p"]]
    for name in sorted(results["recipes"], key=lambda name: -float(figure(results, name, "hit_rate").mean())):
        test = tests.get(name)
        measured = [mean_and_deviation(figure(results, name, key)) for key in COLUMNS]
        purity = f"{figure(results, name, GENRES).mean():.3f}" if _has(results, name, GENRES) else ""
        seconds = f"{figure(results, name, 'seconds').mean():.0f}"
        compared = [f"{test['difference']:+.4f}", f"{test['p']:.4f}"] if test else ["", ""]
        rows.append([name, *measured, purity, seconds, *compared])
    return rows


def vector_words(results: Results, reference: str) -> list[str]:
    """What the figures are, and what has to be said of those of genres where there are any."""
    plan, stored = results["plan"], results["recipes"][reference]
    popular, ceiling = (figure(results, reference, key).mean() for key in ("popular", "ceiling"))
    words = [
        f"{plan['repeats']} x {plan['folds']} parts, of which {len(stored['folds'])} were measured; mean ± deviation "
        "over parts and seeds, paired test corrected for parts that share data. Without vectors: the ten most popular "
        f"hit {popular:.4f}, the most that any ten per song can reach is {ceiling:.4f}."
    ]
    if _has(results, reference, GENRES):
        chance = figure(results, reference, "genre_chance").mean()
        words.append(f"Same genre: share of the ten nearest that have the query's; at random {chance:.3f}.")
        reviews = stored["recipe"]["contexts"] == "reviews"
        words.append(
            "It is circular for every recipe here: genres made the contexts, or are features."
            if reviews
            else "It is circular for plain features, of which the genre is one; the others were not told genres."
        )
    return words


def _has(results: Results, name: str, key: str) -> bool:
    return all(key in fold for fold in results["recipes"][name]["folds"])
