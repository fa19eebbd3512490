"""The short questions of notebook 01."""

from tl_course.lessons.questions import Question

EVEN_AREA = Question(
    "Why is this filter's answer zero in a uniformly bright area?",
    "Its positive and negative numbers cancel each other",
    {
        "A uniform area is grey, and grey is zero": "Only grey is zero. In a bright area every "
        "pixel is a positive number, and yet the answer is zero: look at the filter's own numbers.",
        "Its positive and negative numbers cancel each other": "They add up to zero. Multiplied by "
        "the same brightness everywhere, they still add up to zero.",
        "It looks only at the border of objects": "It does not know what an object is. It "
        "multiplies and adds at every place, in uniform areas too.",
    },
)
LEARNT_BY_HEART = Question(
    "Another network correctly names 99% of the pictures that it was trained on. How good is it?",
    "This number does not say",
    {
        "Very good: 99%": "It may have learnt these pictures by heart. Only pictures that it "
        "has not been trained on say how good it is.",
        "This number does not say": "Training accuracy says how well the examples were learnt. "
        "That is why this lesson tests on fresh, held-out pictures.",
        "Bad: it must have learnt them by heart": "It may have, or it may be good on fresh "
        "pictures as well. The training pictures cannot tell these two apart.",
    },
)
WHERE_EDGES_COME_FROM = Question(
    "Nobody drew these filters. Where do their edges come from?",
    "Steps that lowered the loss left them there",
    {
        "They were among the random numbers": "Look at the first block: it is noise. The filters "
        "changed step by step.",
        "They are pieces copied from drawings": "No picture is stored in a filter. It is adjusted "
        "a little by every picture, and no single one can be found in it.",
        "Steps that lowered the loss left them there": "Telling 1,000 classes apart was the only "
        "goal. Filters that respond to edges helped, so the gradient led to them.",
    },
)
