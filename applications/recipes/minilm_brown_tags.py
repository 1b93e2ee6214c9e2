"""MiniLM on the parts of speech of the Brown corpus.

    zoo fit minilm.brown_tags

data      zoo.datasets.brown_tags, which npm fetches: every 10th of 500 documents is the test, of the others
          every 20th is held out
batch     32 sentences; about 1,550 steps an epoch
"""

from zoo.applications.recipes.text_fine_tune import RECIPE as FINE_TUNE

RECIPE = FINE_TUNE.replace(
    name="minilm.brown_tags",
    application="TokenClassifier",
    data="brown_tags",
    epochs=2,
    learning_rate=2e-4,
    precision="mixed_bfloat16",
)
