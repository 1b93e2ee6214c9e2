"""Recipes: one file a published result. The file's docstring is its record."""

import difflib
import importlib

# Result name -> module of this package that holds its RECIPE.
_MODULES = {
    "bert_tiny.shakespeare": "bert_tiny_shakespeare",
    "digits.fsdd": "digits_fsdd",
    "digits.voices": "digits_voices",
    "gpt_characters.shakespeare": "gpt_characters_shakespeare",
    "gpt_mini.shakespeare": "gpt_mini_shakespeare",
    "image_fine_tune": "image_fine_tune",
    "minilm.brown_tags": "minilm_brown_tags",
    "minilm.rated_movies": "minilm_rated_movies",
    "prompts.again": "prompts_again",
    "prompts.english": "prompts_english",
    "prompts.voices": "prompts_voices",
    "resnet20.fashion_mnist": "resnet20_fashion_mnist",
    "speech_english": "speech_english",
    "speech_fine_tune": "speech_fine_tune",
    "text_fine_tune": "text_fine_tune",
}


def names():
    """Names of all recipes."""
    return sorted(_MODULES)


def find(name):
    """The recipe of that name.

    Raises: ValueError with the nearest names if there is none.
    """
    if name not in _MODULES:
        near = difflib.get_close_matches(name, _MODULES, n=3, cutoff=0.4)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise ValueError(f"recipe: expected one of {names()}, found {name!r}{hint}")
    return importlib.import_module(f"{__name__}.{_MODULES[name]}").RECIPE
