"""English of any words, telephone prompts best: `prompts.again` tuned on the prompts alone.

    zoo fit prompts.voices && zoo fit prompts.again && zoo fit prompts.english      ZOO_DATA_ROOT as there

data      zoo.datasets.phone_prompts: 425 prompts for training, 26 for choosing, 98 for the test, whose texts
          occur nowhere else; CC BY-SA 3.0, attribution: Allison Smith and Digium
result    test word error rate 0.2356 over 1 seed, last epoch                                  (2026-11-28)
          0.1825 on the 30 clips of 2 to 8 seconds; 0.4320 without language model; 0.2734 and 0.2246 from
          8 kHz files; weights in float16
cost      9 minutes on 2 cores of an AMD EPYC (Zen 5 with AVX-512 and bfloat16), shared with other work
batch     16 = 1 device x 16; 26 steps an epoch x 40 epochs = 1,040 steps
after     Deep Speech 2 (arXiv:1512.02595); weight and bonus of the language model were chosen on 26 prompts
          (word error rate 0.179 there)
short of  other speakers: one voice was heard in training and test; five sentences by a reader of LibriVox
          have a word error rate of 0.81
"""

from zoo.applications.recipes import speech_fine_tune

RECIPE = speech_fine_tune.RECIPE.replace(
    name="prompts.english",
    start="runs/prompts.again/pretrained",
    data="phone_prompts",
    epochs=40,
    learning_rate=7e-4,
)
