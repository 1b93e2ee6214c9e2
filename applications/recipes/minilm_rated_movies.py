"""MiniLM on the sign of rated film snippets.

    zoo fit minilm.rated_movies

data      zoo.datasets.rated_sentences: 8,439 train, 2,127 test (fold 0 of 5; `--data rated_movies:1` tests on
          fold 1). Nothing is chosen on them: the numbers are the defaults of text_fine_tune
batch     32 = 1 device x 32; 263 steps an epoch x 3 epochs = 789 steps
"""

from zoo.applications.recipes.text_fine_tune import RECIPE as FINE_TUNE

RECIPE = FINE_TUNE.replace(
    name="minilm.rated_movies", data="rated_movies", train_split="train+validation", validation_split=""
)
