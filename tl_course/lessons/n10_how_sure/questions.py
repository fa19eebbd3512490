"""What notebook 10 asks: short questions, and the sentences of its predictions."""

from tl_course.lessons.questions import Question

WHAT_95_MEANS = Question(
    "You compare two ways over ten draws and get 1.0 ± 0.4 points. What does “95%” say?",
    "The method behind the interval misses one time in twenty",
    {
        "The method behind the interval misses one time in twenty": "So you saw above. Whether "
        "this interval is one of those that miss, nobody can tell from it alone.",
        "95% of further draws lie between 0.6 and 1.4": "Single draws scatter far more than their "
        "mean does. The interval is about the mean of all draws.",
        "With probability 95% the first way is better": "The interval gives no probability of "
        "that, and it knows only what was varied: draws, and perhaps test digits.",
    },
)

# ---------------------------------------------------------------- before a result is shown

LUCK = (
    "Twenty sets of ten digits, Option 1 with augmentation: how many points lie between the best "
    "set and the worst one?"
)
WINS = "Fifty digits, no augmentation: in how many of 20 draws is LP-FT ahead of Option 1?"
MISSES = "How many of these 100 intervals miss the true mean?"
FALLS = "Which of the five does not survive two other networks?"
BEST = (
    "One network takes twenty tests of 200 digits each. How many points above its true accuracy is "
    "the best of the twenty, on average?"
)
