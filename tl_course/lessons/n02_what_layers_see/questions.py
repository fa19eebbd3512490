"""The short questions of notebook 02."""

from tl_course.lessons.questions import Question

WHY_UNTRAINED = Question(
    "Why does an untrained network stand beside the trained one in every measurement?",
    "Only what differs between them can be due to training",
    {
        "Only what differs between them can be due to training": "A network owes much to its "
        "architecture alone: a few random filters are choosy about angles, too.",
        "Because random filters see nothing": "They respond to pictures, and some of them even "
        "prefer an angle. That is why they have to be measured, not dismissed.",
        "Two networks are more exact than one": "Two of the same kind would be. The second one "
        "here is of another kind on purpose.",
    },
)
FAVOURITES = Question(
    "Several of the nine favourite patches of a unit show wheels. What do they say about the unit?",
    "The unit responds strongly to something that these patches share",
    {
        "The unit detects wheels": "Nine of many thousand patches cannot show that. The unit "
        "may respond to any arc of that size, and less strongly to much else.",
        "The unit responds strongly to something that these patches share": "They say no more "
        "than that. To learn what the unit wants, vary one thing at a time.",
        "Nothing: nine patches are chance": "They are the nine strongest answers among very many, "
        "each from a drawing of another thing. What they share is not chance.",
    },
)
ONE_UNIT_LESS = Question(
    "With one unit of layer 1 stuck, the network loses at most 4 of 100 drawings. What follows?",
    "Other units respond to much the same",
    {
        "The unit did nothing": "It was active on every kind of picture. Other units say much the "
        "same.",
        "Layer 1 is not needed": "31 other units were still at work. Nothing was measured without "
        "all of them.",
        "Other units respond to much the same": "Many edge detectors overlap. A single unit is "
        "seldom the place of anything.",
    },
)
