"""MiniLM on the sign of rated film snippets.

    zoo fit minilm.rated_movies

data      7,610 train, 829 held out of train for choosing, 2,127 test (fold 0 of 5); zoo.datasets.load
batch     32 = 1 device x 32; 237 steps an epoch x 3 epochs = 711 steps
after     the defaults of text_fine_tune
"""

from zoo.applications.recipes.text_fine_tune import RECIPE as FINE_TUNE

RECIPE = FINE_TUNE.replace(name="minilm.rated_movies", data="rated_movies")
