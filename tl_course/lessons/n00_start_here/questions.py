"""The short questions of notebook 00."""

from tl_course.lessons.questions import Question

WHAT_IT_KNEW = Question(
    "Ten digits were enough to get most of the others right. What did the network know about "
    "digits before it got them?",
    "Nothing: it knew how to see, not what a digit is",
    {
        "What each digit looks like, from its pretraining": "No digit was among the drawings: "
        "drawings that show one were taken out, and so were those with a number in their name.",
        "Nothing: it knew how to see, not what a digit is": "Its four layers respond to edges, "
        "curves and other shapes. Ten digits were enough to learn which of these make a 3.",
        "The digits that you drew on the pad": "Those went to the networks of the experiment. "
        "The one in this cell started again from the drawings.",
    },
)
ONE_RUN = Question(
    "A friend trains the network on her ten digits, and its accuracy is 5 points higher than "
    "yours. Is her way of training better?",
    "Perhaps not: ten other digits can change that much",
    {
        "Yes: 5 points are a clear difference": "The bars show how widely results vary with ten "
        "digits: about 5 points to either side, depending on which ten they are.",
        "Perhaps not: ten other digits can change that much": "One run proves little. Repeat "
        "both with other digits, and compare them on the same ones.",
        "No: the same network always gives the same result": "Trained on the same digits, it does. "
        "With other digits it learns something else.",
    },
)
