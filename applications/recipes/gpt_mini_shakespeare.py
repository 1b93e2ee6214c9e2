"""A GPT of 1.1M parameters on Shakespeare's plays, with a byte-pair vocabulary of its own.

    zoo fit gpt_mini.shakespeare

data      zoo.datasets.shakespeare: the first 90 % of each play; 5 % held out for choosing, the last 5 % for test
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
