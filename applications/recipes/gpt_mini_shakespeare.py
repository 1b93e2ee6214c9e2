"""A GPT of 1.1M parameters on Shakespeare's plays, with a byte-pair vocabulary of its own.

    zoo fit gpt_mini.shakespeare

data      zoo.datasets.shakespeare: the first 90 % of each play; 5 % held out for choosing, the last 5 % for
          test; a vocabulary of 2,048 learned from the training part. An unfinished run, bundled before, had
          1.664 bits on the validation split; nothing was chosen by the test split
result    test bits per byte 1.6288 over 1 seed, last epoch                                    (2026-11-28)
          perplexity of a token 20.73; validation 1.6052 bits, 19.15; each token once, in windows
          that move by 128
cost      about 50 minutes on 2 cores of an AMD EPYC (Zen 5), shared with other work, resumed twice; the first
          epoch went by 119 ms a step, 2 minutes
batch     8 rows x 256 tokens = 1 device x 8; 870 steps an epoch x 3 epochs = 2,610 steps
after     Muon: https://kellerjordan.github.io/posts/muon; bz2 needs 2.19 bits
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
