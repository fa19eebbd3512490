"""What notebook 04 asks: short questions, and the sentences of its predictions."""

from tl_course.lessons.questions import Question

ONE_DRAW = Question(
    "On these fifty digits one of the two options gets a few more of 2,000 test digits right. "
    "What does that say about the options?",
    "Hardly anything: with fifty other digits it may be the other way round",
    {
        "That one is better": "This is one draw of fifty digits. Each option's accuracy varies "
        "by about one point from draw to draw, so in the next draw the other may be better.",
        "Hardly anything: with fifty other digits it may be the other way round": "Only a "
        "comparison on many draws can say which is ahead, such as the one in the main line.",
        "That they are equally good": "It does not say that either. One draw cannot tell a small "
        "difference from none.",
    },
)
TRAINING_ACCURACY = Question(
    "A colleague reports: “My fine-tuned network gets 100% of its training pictures right.” "
    "What do you know about how good it is on new pictures?",
    "Nothing yet",
    {
        "It gets nearly 100% of them right": "With ten digits every training digit was right here, "
        "and more than a quarter of the others were wrong.",
        "It overfits badly": "Not necessarily. With a thousand digits training accuracy is perfect "
        "too, and 98% of the test digits are right.",
        "Nothing yet": "Training accuracy says that the pictures were learnt. Only held-out "
        "pictures can tell how good the network is.",
    },
)
BEST_OF_MANY = Question(
    "You tried twenty settings in the lab and keep the one with the highest test accuracy, 95%. "
    "What do you expect of it on digits that were in neither the training nor the test?",
    "Probably somewhat less than 95%",
    {
        "95%: that is what the test is for": "A test is fair only to a network that it did "
        "not choose. The best of twenty is partly the one that happened to suit this test.",
        "Probably somewhat less than 95%": "The best of many settings is partly good "
        "and partly lucky. That is why the course chose its settings on other digits, the "
        "validation digits.",
        "More than 95%: it is the best setting": "Being best on this test makes its number "
        "too high, not too low.",
    },
)

# ---------------------------------------------------------------- before a result is shown

GAIN = "With one of each letter and altered copies, which option reads other typefaces better?"
LARGE_RATE = "With lr=1e-3 in these lines, what percentage of the test digits is right, on average?"
MOVED = "After Option 2 with fifty digits, which layer changed most, relative to its own length?"
TEN = "After learning from ten digits, what percentage does Option 2 get right?"
KNOWN = (
    "Of 100 drawings that it named correctly before, how many does it still name after fifty "
    "digits?"
)
AHEAD = "How many digits does Option 2 need to win clearly, with its whole interval above zero?"
