"""Strings of spoken digits: DeepSpeech with 0.53M parameters, by five people and many synthetic voices.

    zoo fit digits.voices && zoo fit digits.fsdd      programs and ZOO_DATA_ROOT as there

data      zoo.datasets.digit_voices, as `digits.voices`, from whose weights it begins
result    test word error rate 0.0104 over 1 seed, last epoch                                   (2026-11-29)
          Official test split of single digits: 249 of 250 right as they are cut, 250 with 0.05 s of
          background around them (`spoken_digits("test", around=0.05)`)
speakers  each held out of both parts in turn, `--data digit_voices:NAME`, 100 strings of theirs, 1 seed: word
          error rate jackson 0.044, theo 0.042, lucas 0.073, yweweler 0.083, george 0.113: mean 0.071.
          With 0.05 s of background before and behind each string 0.075. Without the voices of twelve
          languages 0.080. That accents were to be added was seen on george and lucas
cost      5 minutes on 1 core of an AMD EPYC (Zen 5), shared with other work
batch     32 = 1 device x 32; 371 steps an epoch x 6 epochs = 2,226 steps
after     averages of the weights under a learning rate that stays high: arXiv:1803.05407
short of  george: two in five of his wrong digits are threes that begin late and pass for eights
"""

from zoo.applications.recipes import digits_voices

RECIPE = digits_voices.RECIPE.replace(
    name="digits.fsdd",
    start="runs/digits.voices/pretrained",
    epochs=6,
    learning_rate=1e-3,
    schedule="constant",
    ema=0.999,
)
