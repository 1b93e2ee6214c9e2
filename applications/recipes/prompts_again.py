"""English by synthetic voices and one human: a second cycle of `prompts.voices`, from its weights.

    zoo fit prompts.voices && zoo fit prompts.again      programs and ZOO_DATA_ROOT as there

data      zoo.datasets.prompts_english, as `prompts.voices`
result    test word error rate 0.2523 over 1 seed, last epoch                                  (2026-11-28)
          0.4426 without language model, where the first cycle has 0.74
cost      65 minutes on 2 cores of an AMD EPYC (Zen 5 with AVX-512 and bfloat16), shared with other work and
          resumed once
batch     32 = 1 device x 32; 278 steps an epoch x 24 epochs = 6,672 steps
after     Deep Speech 2 (arXiv:1512.02595), much smaller; cosine cycles with restarts: arXiv:1608.03983
short of  the end: character error rate 0.28 in training, augmented
"""

from zoo.applications.recipes import prompts_voices

RECIPE = prompts_voices.RECIPE.replace(
    name="prompts.again",
    start="runs/prompts.voices/pretrained",
    epochs=24,
    learning_rate=1.5e-3,
    augment=prompts_voices.RECIPE.augment | {"time_masks": 2, "mel_width": 10},
    seed=1,
)
