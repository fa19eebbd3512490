"""The short questions of notebook 03."""

from tl_course.lessons.questions import Question

FROZEN_AND_EVAL = Question(
    "A network's parameters all have requires_grad = False. Can it still change while it is "
    "trained?",
    "Yes: its buffers can, such as BatchNorm's running mean",
    {
        "No: nothing can change without a gradient": "Only parameters need a gradient to change. "
        "BatchNorm's running mean and variance are buffers, and they change whenever a picture "
        "passes in training mode.",
        "Yes: its buffers can, such as BatchNorm's running mean": "Frozen and eval are two "
        "different things. requires_grad = False stops the optimizer; eval() stops the buffers.",
        "Yes: the optimizer changes frozen parameters a little": "It cannot: without a gradient "
        "there is no step to take. Something else in the network changes.",
    },
)
KNOWLEDGE_OF_DIGITS = Question(
    "After fifty digits the network gets more than 90% right. What was copied from the network "
    "that had learnt drawings?",
    "Layers that respond to edges and other shapes",
    {
        "What digits look like": "No digit was among the drawings. The new output layer learnt "
        "what a 3 looks like, from five examples of each digit.",
        "Layers that respond to edges and other shapes": "They respond to strokes of any kind. "
        "The new output layer learns which of these responses mean a 3.",
        "The names of the 1,000 drawings": "The names were in the old output layer, which was "
        "replaced.",
    },
)
RANDOM_FEATURES = Question(
    "Random layers got 44% right with ten digits, and guessing gets 10%. Why are random layers of "
    "any use?",
    "They give similar answers to similar pictures",
    {
        "They are not: 44% is luck": "It is the mean over many draws, so it is not luck. Compare "
        "with random layers, not with guessing, before you praise pretrained ones.",
        "They give similar answers to similar pictures": "Two sevens that look similar get similar "
        "numbers from any fixed filters, and the output layer can use that.",
        "They learnt something from the ten digits": "They are frozen: the ten digits "
        "trained only the output layer.",
    },
)
