"""A GPT of 1.1M parameters on Shakespeare's plays, with a byte-pair vocabulary of its own.

Not among the named recipes yet: no run has reached its end. The bundled weights of this name are those after
2 of its 3 epochs (1,740 of 2,610 steps, 42 minutes on 2 cores shared with other work). Of these weights
`evaluate`, in windows that move by 128 tokens, finds 1.685 bits a byte on the test split and 1.664 on the
validation split; nothing was chosen by the test split.

data      zoo.datasets.shakespeare: the first 90 % of each play; 5 % held out for choosing, the last 5 % for
          test; a vocabulary of 2,048 learned from the training part
batch     8 rows x 256 tokens; 870 steps an epoch
"""

from zoo.training import Recipe

RECIPE = Recipe(
    name="gpt_mini.shakespeare",
    application="TextGenerator",
    model="gpt_mini",
    data="shakespeare",
    epochs=3,
    batch_size=8,
    optimizer="muon",
    learning_rate=6e-3,
    momentum=0.95,
    warmup=100,
    schedule="cosine",
    weight_decay=0.05,
    clip_norm=1.0,
    preprocessor={"vocabulary_size": 2048},
    seed=0,
)
