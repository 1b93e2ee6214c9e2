"""BERT tiny on Shakespeare's plays: hidden words and next sentences.

    zoo fit bert_tiny.shakespeare

data      zoo.datasets.shakespeare: the first 90 % of each play; 5 % held out for choosing, the last 5 % for
          test; a vocabulary of 2,000 pieces learned from the training part. Nothing was chosen: this was
          the first run to its end
result    test accuracy of hidden pieces 0.3658 over 1 seed, last epoch                         (2026-11-28)
          cross-entropy 3.491; next sentences 0.693 (chance 0.5); validation 0.3756, 3.450, 0.717
gain      3,000 sentences of Brown tagged, 6 epochs at 1e-3: validation 0.912 from these weights, 0.764 from
          fresh ones. Classes of short texts do not gain: film snippets 0.689 against 0.740, 4 epochs at 5e-4
cost      17 minutes on 2 cores of an AMD EPYC (Zen 4): 46 seconds an epoch where it had them alone
batch     64 pairs of at most 64 tokens = 1 device x 64; 437 steps an epoch x 20 epochs = 8,740 steps
after     arXiv:1810.04805; whole words are hidden, and others in every epoch (arXiv:1907.11692)
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
