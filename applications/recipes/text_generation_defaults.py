"""Defaults of `TextGenerator.fit` on a user's texts, from pretrained weights or from scratch.

AdamW at 1e-3 with 5 % warm-up and cosine decay suits models of 1 to 10 million parameters; take 1e-4 or less
for larger pretrained ones.
"""

from zoo.training import Recipe

RECIPE = Recipe(
    name="text_generation_defaults",
    application="TextGenerator",
    model="gpt_mini",
    epochs=3,
    batch_size=16,
    optimizer="adamw",
    learning_rate=1e-3,
    warmup=0.05,
    schedule="cosine",
    weight_decay=0.1,
    clip_norm=1.0,
    preprocessor={"vocabulary_size": 2048},
)
