import keras
import pytest


@pytest.fixture(autouse=True)
def fixed_seed():
    """Every test draws the same numbers, alone and in any order."""
    keras.utils.set_random_seed(0)
