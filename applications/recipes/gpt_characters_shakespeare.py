"""A GPT of 0.83M parameters on the characters of 1.1 MB of Shakespeare: nanoGPT's budget for a CPU.

    zoo fit gpt_characters.shakespeare

data      zoo.datasets.shakespeare_1mb: 1,003,854 characters for training, 111,540 for validation, as bytes;
          there is no test split
result    validation loss 1.7917 over 1 seed, last epoch                                        (2026-11-28)
          in nats a byte, of all blocks of 64; the same model, batch and steps in PyTorch beside it: 1.8570
cost      55.9 s on 2 cores of an AMD EPYC (Zen 5), PyTorch 63.7 s, in turns of 100 steps and nothing beside
          them; the first turn, with tracing, 5.4 and 3.3 s
batch     12 rows x 64 characters = 1 device x 12; 1,000 steps an epoch x 2 epochs = 2,000 steps
after     https://github.com/karpathy/nanoGPT, train_shakespeare_char on a CPU (4 layers, 128 wide), which
          reaches 1.88 on another part of Shakespeare; the learning rate goes up to 2e-3 and down to 0 here
beside    `python -m benchmarks.character_gpt`: the same model, batch and steps in PyTorch
"""

from zoo.training import Recipe

RECIPE = Recipe(
    name="gpt_characters.shakespeare",
    application="TextGenerator",
    model="gpt_characters",
    data="shakespeare_1mb",
    test_split="",
    epochs=2,
    epoch_steps=1000,
    batch_size=12,
    optimizer="adamw",
    learning_rate=2e-3,
    warmup=100,
    schedule="cosine",
    weight_decay=0.1,
    clip_norm=1.0,
    preprocessor={"vocabulary_size": 257},
    seed=0,
)
