"""Strings of spoken digits: DeepSpeech with 0.53M parameters, by five people and many synthetic voices.

    zoo fit digits.voices && zoo fit digits.fsdd      programs and ZOO_DATA_ROOT as there

data      zoo.datasets.digit_voices, as `digits.voices`, from whose weights it begins
result    test word error rate 0.0250 over 1 seed, last epoch                                   (2026-11-29)
          Official test split of single digits: 248 of 250 right as they are cut, 247 with 0.05 s of
          background around them (`spoken_digits("test", around=0.05)`)
speakers  each held out of both parts in turn, `--data digit_voices:NAME`, 100 strings of theirs: word error
          rate jackson 0.019, theo 0.031, lucas 0.088, yweweler 0.098, george 0.167: mean 0.0804. Before,
          a first part that learned without background around recordings, 252 steps an epoch x 28, gave
          0.029, 0.035, 0.065, 0.108, 0.150: mean 0.0775; of both 0.079. With 0.05 s of background before and
          behind each string 0.080 and 0.075. The voices were chosen on george and lucas
cost      6 minutes on 1 core of an AMD EPYC (Zen 5), shared with other work
batch     32 = 1 device x 32; 321 steps an epoch x 6 epochs = 1,926 steps
after     averages of the weights under a learning rate that stays high: arXiv:1803.05407
short of  george: most of his threes, which begin behind the consonant, pass for eights
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
