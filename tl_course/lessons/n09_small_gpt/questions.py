"""The short questions of notebook 09."""

from tl_course.lessons.questions import Question

WHICH_CURVE = Question(
    "At the end, both networks need fewer bits for their fifty lines (dashed) than for test "
    "lines (solid). Which of the two curves says how well a network has learnt to write names?",
    "The solid one: lines that it has not seen",
    {
        "The dashed one: that is what it was trained for": "Fifty lines can be learnt by "
        "heart, and that helps with no other name.",
        "The solid one: lines that it has not seen": "It is meant for names that it has not "
        "seen. The distance between the two curves shows how much it has learnt by heart.",
        "The mean of the two": "A mean of a good and a bad number hides both.",
    },
)
WHICH_DRAWS = Question(
    "Each number in the figure is a mean of ten draws, and the bars say how much draws differ. "
    "Which other results do they allow for?",
    "For other draws of fifty names like these",
    {
        "For other draws of fifty names like these": "Only those fifty were varied. The "
        "source, the pretrained network and the test lines were the same each time.",
        "For other languages and other kinds of lines": "Every draw was of English names of "
        "things. Other lines have to be measured.",
        "For a network that is pretrained again": "All ten draws began with the same pretrained "
        "weights. Another pretraining might be a little better or worse.",
    },
)
PROMPT = Question(
    "With four names in front the network is a little better at names. Then it is asked again, "
    "with nothing in front. How does it write now?",
    "As before the prompt: nothing of it has stayed",
    {
        "A little more like names: it has learnt from the four": "A prompt is only read. No "
        "weight has changed, so nothing can have stayed.",
        "As before the prompt: nothing of it has stayed": "A prompt works while it stands in "
        "front. To keep something, the network has to be trained, as with Option 1 or Option 2.",
        "Worse: it has forgotten some of the manuals": "A network forgets only if weights "
        "change, and a prompt changes none.",
    },
)
