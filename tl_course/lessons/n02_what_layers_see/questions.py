"""The short questions of notebook 02."""

from tl_course.lessons.questions import Question

WHY_UNTRAINED = Question(
    "Why is an untrained network shown beside the trained one?",
    "Only what differs between them can be due to training",
    {
        "Only what differs between them can be due to training": "A network owes much to its "
        "architecture alone: a few random filters are selective for angles, too.",
        "Because random filters see nothing": "They respond to pictures, and some of them even "
        "prefer an angle. That is why they have to be measured, not dismissed.",
        "Two networks are more exact than one": "Two of the same kind would be. The second one "
        "here differs on purpose.",
    },
)
FAVOURITES = Question(
    "Several of the nine favourite patches of a unit show wheels. What do they say about the unit?",
    "The unit responds strongly to something that these patches share",
    {
        "The unit detects wheels": "Nine of many thousand patches cannot show that. The unit "
        "may respond to any arc of that size, and more weakly to much else.",
        "The unit responds strongly to something that these patches share": "They say no more "
        "than that. To learn what excites the unit, vary one property at a time.",
        "Nothing: nine patches are chance": "They are the nine strongest answers among very many, "
        "each from another drawing. What they share is not chance.",
    },
)
ONE_UNIT_LESS = Question(
    "With one unit of layer 1 stuck, accuracy on drawings falls by at most 4 points. What follows?",
    "Other units respond to much the same",
    {
        "The unit did nothing": "It was active on every kind of picture. Other units respond in "
        "much the same way.",
        "Layer 1 is not needed": "31 other units were still at work. Nothing was measured without "
        "all of them.",
        "Other units respond to much the same": "Many edge detectors overlap. Hardly anything "
        "depends on a single unit.",
    },
)
