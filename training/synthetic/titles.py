"""Titles that look like songs: every title is one combination of words, and no combination is used twice."""

import tomllib
from dataclasses import dataclass
from importlib.resources import files
from math import prod

import numpy as np

_WORDS: dict[str, list[str]] = tomllib.loads(files("training.synthetic").joinpath("words.toml").read_text("utf-8"))


@dataclass(frozen=True)
class _Pattern:
    """A way of making texts: one word from each list, put into a frame."""

    frame: str
    words: tuple[list[str], ...]

    @property
    def size(self) -> int:
        return prod(len(choices) for choices in self.words)

    def text(self, index: int) -> str:
        chosen = []
        for choices in self.words:
            index, digit = divmod(index, len(choices))
            chosen.append(choices[digit])
        return self.frame.format(*chosen)


_CHINESE = (
    _Pattern("{}{}{}", (_WORDS["openings"], _WORDS["links"], _WORDS["things"])),
    _Pattern("{}{}", (_WORDS["verbs"], _WORDS["things"])),
    _Pattern("{}{}的{}", (_WORDS["verbs"], _WORDS["openings"], _WORDS["things"])),
)
_ENGLISH = tuple(_Pattern(frame, (_WORDS["moods"], _WORDS["nouns"])) for frame in _WORDS["frames"])
_CHINESE_ARTISTS = (_Pattern("{}{}", (_WORDS["surnames"], _WORDS["given_names"])),)
_ENGLISH_ARTISTS = (_Pattern("The {} {}", (_WORDS["moods"], _WORDS["band_nouns"])),)


def chinese_titles(count: int, rng: np.random.Generator) -> list[str]:
    """`count` distinct Chinese titles; past the number of combinations they are numbered."""
    return _draw(_CHINESE, count, rng)


def english_titles(count: int, rng: np.random.Generator) -> list[str]:
    """`count` distinct English titles; past the number of combinations they are numbered."""
    return _draw(_ENGLISH, count, rng)


def artists(count: int, rng: np.random.Generator, *, english: bool) -> list[str]:
    """`count` distinct names of singers or bands; past the number of combinations they are numbered."""
    return _draw(_ENGLISH_ARTISTS if english else _CHINESE_ARTISTS, count, rng)


def _draw(patterns: tuple[_Pattern, ...], count: int, rng: np.random.Generator) -> list[str]:
    bounds = np.cumsum([pattern.size for pattern in patterns])
    order = rng.permutation(int(bounds[-1]))
    texts = []
    for number in range(count):
        round_, place = divmod(number, len(order))
        index = int(order[place])
        which = int(np.searchsorted(bounds, index, side="right"))
        text = patterns[which].text(index - int(bounds[which]) + patterns[which].size)
        texts.append(text if round_ == 0 else f"{text} {round_ + 1}")
    return texts
