"""Recipes, learning-rate schedules, optimizers and checkpoints: what `compile` and `fit` run on."""

from zoo.training.checkpoint import Checkpoints
from zoo.training.optimizers import make_optimizer
from zoo.training.recipe import Recipe
from zoo.training.schedules import WarmupSchedule

__all__ = ["Checkpoints", "Recipe", "WarmupSchedule", "make_optimizer"]
