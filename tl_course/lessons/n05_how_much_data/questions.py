"""What notebook 05 asks: short questions, and the sentences of its predictions."""

from tl_course.lessons.questions import Question

COPIES_ARE_NOT_LABELS = Question(
    "Ten digits, each with a hundred altered copies, are a thousand pictures to learn from. Are "
    "they worth as much as a thousand labelled digits?",
    "No: all of them show the same ten ways to write",
    {
        "Yes: a thousand pictures are a thousand pictures": "Under Option 1 a thousand digits "
        "without copies are 19 points ahead of ten digits with them. The copies are turned and "
        "slanted, but nobody else wrote them.",
        "No: all of them show the same ten ways to write": "A copy varies what the course knows "
        "how to vary: angle, slant, size. How somebody else writes a seven, only another label "
        "can show.",
        "No: altered pictures do more harm than good": "On digits they helped every way to learn, "
        "up to two hundred labels.",
    },
)
OTHER_WRITERS = Question(
    "With augmentation and a thousand digits, Option 2 is ahead by about a point, in every draw. "
    "Your class writes digits with a mouse. What does the interval say about those?",
    "Nothing: it allows for other draws and another test set of the same kind",
    {
        "That Option 2 is ahead there too": "The class's digits are of another kind. An interval "
        "covers the chance in what was measured, not a change of what is measured.",
        "Nothing: it allows for other draws and another test set of the same kind": "It is about "
        "digits from the same collection. For other writers or another pen, measure on some of "
        "their digits.",
        "That neither option is ahead there": "It does not say that either. An interval says how "
        "well we know a difference on digits like these, and on no others.",
    },
)
RULE_ELSEWHERE = Question(
    "You have five labelled photographs of each of 74 kinds of objects. They are unlike "
    "drawings, so the table says Option 2 with augmentation. What do you do?",
    "Try both options, with and without augmentation, on labelled pictures set aside",
    {
        "Follow the table: it was measured": "It was measured on digits, letters and drawings, "
        "not on photographs, and with one network. It says where to start.",
        "Try both options, with and without augmentation, on labelled pictures set aside": "A "
        "table from other tasks is a start. Your own held-out pictures decide.",
        "Try both options and keep the one that does best on the test": "Then the test has helped "
        "to choose, and its number is too high. Choose on other held-out pictures.",
    },
)

# ---------------------------------------------------------------- before a result is shown

CURVE = (
    "What percentage of other digits will the network get right, with its four pretrained layers "
    "frozen (Option 1), and without altered copies of the digits?"
)
COPIES = "With ten digits, which way to learn gains most from augmentation?"
DECIDE = "Which option is clearly ahead in each of these cases?"
SAVED = (
    "Without augmentation, how many labels does a network from scratch need to match Option 1 "
    "with fifty?"
)
MISREAD = "It learnt from these fifty digits. Which digit will it misread most often?"
TASKS = "With one image of each: what percentage of the others does Option 1 get right?"
