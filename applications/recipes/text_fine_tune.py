"""Fine-tuning an encoder on texts of your own.

    zoo fit text_fine_tune --data FILE --out DIR

The defaults of `compile` and `fit` of the text applications: AdamW at 1e-4 with a linear warm-up and decay,
no weight decay on norms and biases (arXiv:1810.04805, appendix A.3; the rate suits small encoders).
"""

from zoo.training import Recipe

RECIPE = Recipe(
    name="text_fine_tune",
    application="TextClassifier",
    start="minilm-l6",
    epochs=3,
    batch_size=32,
    optimizer="adamw",
    learning_rate=1e-4,
    warmup=0.1,
    schedule="linear",
    weight_decay=0.01,
    seed=0,
)
