"""BERT tiny on Shakespeare's plays: masked tokens and next sentences.

    zoo fit bert_tiny.shakespeare

data      zoo.datasets.shakespeare: the first 90 % of each play; 5 % held out for choosing, the last 5 % for
          test; a vocabulary of 2,000 pieces learned from the training part
batch     64 pairs of at most 64 tokens; 437 steps an epoch
"""

from zoo.training import Recipe

RECIPE = Recipe(
    name="bert_tiny.shakespeare",
    application="BertPretraining",
    model="bert_tiny",
    data="shakespeare",
    epochs=20,
    batch_size=64,
    optimizer="adamw",
    learning_rate=2e-3,
    warmup=0.05,
    schedule="linear",
    weight_decay=0.01,
    preprocessor={"vocabulary_size": 2000, "max_length": 64},
    seed=0,
)
