"""Recipes: every one that ships can be read, and a wrong one says what is wrong."""

from pathlib import Path

import pytest

from training.errors import RecipeError
from training.families import FAMILIES
from training.models.songprint import Songprint
from training.recipe import (
    DEFAULT_RECIPE,
    MODELS,
    load_recipe,
    load_variant,
    parse_overrides,
    recipe_names,
    restore_recipe,
)


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_can_be_read(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.family in FAMILIES
    assert recipe.model in MODELS
    assert recipe.description
    assert recipe.as_json()["name"] == name


def test_the_default_is_songprint() -> None:
    assert DEFAULT_RECIPE == "songprint"
    assert load_recipe("songprint").as_json()["popularity_exponents"] == [0.1, 0.25, 0.4]
    assert load_recipe("songprint").parameters == Songprint(), "the recipe that was measured is that of the model"


def test_the_published_autoencoder_is_as_published() -> None:
    stored = load_recipe("ktv_autoencoder").as_json()
    published = {"units": 500, "epochs": 50, "batch_users": 256, "validation_share": 0.2, "classifier_epochs": 250}
    assert published.items() <= stored.items()
    assert load_recipe("ktv_autoencoder_300").as_json()["units"] == 300


def test_every_encoder_has_the_classifier_that_was_published() -> None:
    """What stands on the codes must not make the difference between them."""
    encoders = ("ktv_autoencoder", "ktv_autoencoder_300", "denoising_autoencoder", "mult_vae", "pca", "truncated_svd")
    classifier = {"classifier_epochs": 250, "classifier_rate": 1e-3, "batch_users": 256}
    for name in encoders:
        assert classifier.items() <= load_recipe(name).as_json().items(), name


def test_projections_project_as_their_names_say() -> None:
    assert [load_recipe(name).parameters.method for name in ("pca", "truncated_svd")] == ["pca", "truncated_svd"]


def test_logistic_regressions_search_for_their_best() -> None:
    for name in ("logistic_raw", "logistic_length", "logistic_weighted"):
        assert len(load_recipe(name).parameters.strengths) > 1, name
    best = load_recipe("logistic_weighted").parameters
    assert min(len(best.length_exponents), len(best.popularity_exponents)) > 1


def test_overrides_replace_parameters() -> None:
    recipe = load_recipe("songprint", parse_overrides(["units=64", "dropout = 0.5", "popularity_exponents=[0.2]"]))
    assert (recipe.parameters.units, recipe.parameters.dropout) == (64, 0.5)
    assert recipe.parameters.popularity_exponents == (0.2,)
    assert load_recipe("pca", parse_overrides(["method=truncated_svd"])).parameters.method == "truncated_svd"


def test_a_variant_goes_by_its_whole_text() -> None:
    variant = load_variant("songprint:units=64,dropout=0.5")
    assert variant.name == "songprint:units=64,dropout=0.5"
    assert (variant.parameters.units, variant.parameters.dropout) == (64, 0.5)
    assert load_variant("majority").name == "majority"


@pytest.mark.parametrize(
    ("overrides", "says"),
    [({"untis": "64"}, "no parameter untis"), ({"units": "0"}, "units"), ({"dropout": "much"}, "dropout")],
)
def test_refuses_wrong_parameters(overrides: dict[str, str], says: str) -> None:
    with pytest.raises(RecipeError, match=says):
        load_recipe("songprint", overrides)


def test_refuses_what_is_no_recipe(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="there is no recipe 'songprnit'; use one of"):
        load_recipe("songprnit")
    with pytest.raises(RecipeError, match="KEY=VALUE"):
        parse_overrides(["units"])
    broken = tmp_path / "mine.toml"
    for text in ("family = ", 'family = "playlists"\nmodel = "songprint"', "\xff"):
        broken.write_bytes(text.encode("latin-1"))
        with pytest.raises(RecipeError, match=r"mine\.toml cannot be read"):
            load_recipe(str(broken))
    broken.write_text('description = "mine"\nfamily = "playlists"\nmodel = "songprnit"\n')
    with pytest.raises(RecipeError, match="names the model 'songprnit'"):
        load_recipe(str(broken))


def test_a_recipe_of_ones_own(tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text('description = "mine"\nfamily = "playlists"\nmodel = "songprint"\n[parameters]\nunits = 8\n')
    recipe = load_recipe(str(mine))
    assert (recipe.name, recipe.parameters.units) == ("mine", 8)


def test_what_is_stored_holds_the_defaults_too() -> None:
    """Or a run could not be restored, nor an evaluation be continued, once a default has changed."""
    recipe = load_recipe("joint")
    assert set(recipe.as_json()) >= set(recipe.parameters.__dataclass_fields__)
    assert restore_recipe(recipe.as_json()).parameters == recipe.parameters
