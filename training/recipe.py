"""Recipes: a model's name and its parameters, one TOML file each."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec

from training.errors import RecipeError

DEFAULT_RECIPE = "songprint"

MODELS = {
    "autoencoder": "training.models.autoencoder:Autoencoder",
    "embedded_clustering": "training.models.deep_clustering.embedded:EmbeddedClustering",
    "image_autoencoder": "training.models.deep_clustering.autoencoder:ImageAutoencoder",
    "image_kmeans": "training.models.deep_clustering.kmeans:ImageKMeans",
    "image_vae": "training.models.deep_clustering.variational:ImageVae",
    "joint": "training.models.joint:Joint",
    "logistic": "training.models.linear:Logistic",
    "majority": "training.models.linear:Majority",
    "mult_vae": "training.models.mult_vae:MultVae",
    "plain_features": "training.models.plain_features:PlainFeatures",
    "ppmi_svd": "training.models.ppmi_svd:PpmiSvd",
    "projection": "training.models.projection:Projection",
    "skip_gram": "training.models.skip_gram:SkipGram",
    "songprint": "training.models.songprint:Songprint",
}
"""Where each model's class is; it is imported only when a recipe names it."""


@dataclass(frozen=True)
class Recipe:
    """A model with its parameters. `family` says what kind of data it learns from and which workflow fits it."""

    name: str
    description: str
    family: str
    model: str
    parameters: Any

    def as_json(self) -> dict[str, Any]:
        """The recipe with every parameter, defaults included."""
        # There and back, so that it equals what is read from a file: tuples become lists. As a dictionary first, since
        # msgspec leaves out what a dataclass that it made itself has by default.
        parameters = msgspec.json.decode(msgspec.json.encode(asdict(self.parameters)))
        return {"name": self.name, "family": self.family, "model": self.model, **parameters}


class _File(msgspec.Struct, forbid_unknown_fields=True):
    """What a recipe file holds."""

    description: str
    family: str
    model: str
    parameters: dict[str, Any] = {}


def recipe_names() -> list[str]:
    """The recipes that come with the package."""
    return sorted(entry.name.removesuffix(".toml") for entry in _folder().iterdir() if entry.name.endswith(".toml"))


def load_recipe(name: str, overrides: Mapping[str, Any] | None = None) -> Recipe:
    """The recipe of that name, or in the TOML file of that path, with some parameters replaced.

    Raises RecipeError for an unknown name, an unknown model, or a parameter that is unknown or out of range.
    """
    path = Path(name) if name.endswith(".toml") else None
    if path is None and name not in recipe_names():
        raise RecipeError(
            f"there is no recipe {name!r}; use one of {', '.join(recipe_names())}, or a .toml file's path"
        )
    try:
        text = path.read_text("utf-8") if path else _folder().joinpath(f"{name}.toml").read_text("utf-8")
        stored = msgspec.convert(tomllib.loads(text), _File)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise RecipeError(f"the recipe {name} cannot be read: {error}") from error
    label = path.stem if path else name
    parameters = _parameters(label, stored, overrides or {})
    return Recipe(label, stored.description, stored.family, stored.model, parameters)


def parse_overrides(pairs: Sequence[str]) -> dict[str, Any]:
    """`KEY=VALUE` texts as a dictionary; values are written as in TOML, words without quotes.

    Raises RecipeError for a text of another form.
    """
    wrong = [pair for pair in pairs if "=" not in pair]
    if wrong:
        raise RecipeError(f"{wrong[0]!r} is no KEY=VALUE; write --set units=64, say")
    return {key.strip(): _value(text.strip()) for key, _, text in (pair.partition("=") for pair in pairs)}


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def load_variant(text: str) -> Recipe:
    """A recipe by `NAME` or `NAME:KEY=VALUE,…`, which then goes by that whole text. Raises RecipeError."""
    name, colon, overrides = text.partition(":")
    recipe = load_recipe(name, parse_overrides(overrides.split(",")) if colon else None)
    return replace(recipe, name=f"{recipe.name}:{overrides}") if colon else recipe


def restore_recipe(stored: Mapping[str, Any]) -> Recipe:
    """The recipe that `as_json` described. Raises RecipeError where this version has no such model or parameter."""
    parameters = {key: value for key, value in stored.items() if key not in {"name", "family", "model"}}
    file = _File("", stored["family"], stored["model"], parameters)
    return Recipe(stored["name"], "", file.family, file.model, _parameters(stored["name"], file, {}))


def _parameters(name: str, stored: _File, overrides: Mapping[str, Any]) -> Any:
    if stored.model not in MODELS:
        raise RecipeError(f"the recipe {name} names the model {stored.model!r}; use one of {', '.join(MODELS)}")
    module, _, attribute = MODELS[stored.model].partition(":")
    model = getattr(import_module(module), attribute)
    values = {**stored.parameters, **overrides}
    unknown = sorted(set(values) - set(model.__dataclass_fields__))
    if unknown:
        known = ", ".join(model.__dataclass_fields__)
        raise RecipeError(
            f"the recipe {name} has no parameter {', '.join(unknown)}; the model {stored.model} has {known}"
        )
    try:
        return msgspec.convert(values, model, strict=False)
    except msgspec.ValidationError as error:
        raise RecipeError(f"the recipe {name} has a wrong parameter: {error}") from error


def _folder() -> Any:
    return files("training").joinpath("recipes")
