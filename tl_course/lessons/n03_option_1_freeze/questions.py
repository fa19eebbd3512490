"""The short questions of notebook 03."""

from tl_course.lessons.questions import Question

FROZEN_AND_EVAL = Question(
    "A network's parameters all have requires_grad = False. Can it still change while it is "
    "trained?",
    "Yes: its buffers can, such as BatchNorm's running mean",
    {
        "No: nothing can move without a gradient": "Only parameters need a gradient to move. "
        "BatchNorm's running mean and variance are buffers, and they move whenever a picture "
        "passes in training mode.",
        "Yes: its buffers can, such as BatchNorm's running mean": "Frozen and eval are two "
        "different things. requires_grad = False stops the optimizer; eval() stops the buffers.",
        "Yes: the optimizer moves frozen parameters a little": "It cannot: without a gradient "
        "there is nothing to take a step with. Something else in the network moves.",
    },
)
KNOWLEDGE_OF_DIGITS = Question(
    "After fifty digits the network gets more than 90 of 100 right. What was copied from the "
    "drawings?",
    "Layers that respond to edges and, higher up, to more complex shapes",
    {
        "What digits look like": "No digit was among the drawings. The new output layer learnt "
        "what a 3 looks like, from five examples of each digit.",
        "Layers that respond to edges and, higher up, to more complex shapes": "They respond to "
        "strokes of any kind. The new output layer learns which of these responses mean a 3.",
        "The names of the 1,000 things": "The names sat in the old output layer, which was "
        "thrown away.",
    },
)
RANDOM_FEATURES = Question(
    "Random layers got 44 of 100 right with ten digits, and guessing gets 10. Why are random "
    "layers of any use?",
    "They give similar answers to similar pictures",
    {
        "They are not: 44 is luck": "It is the mean over many draws, so it is not luck. Compare "
        "with random layers, not with guessing, before you praise borrowed ones.",
        "They give similar answers to similar pictures": "Two sevens that look similar get similar "
        "numbers from any fixed filters, and the output layer can use that.",
        "They learnt something from the ten digits": "They are frozen: ten digits trained the "
        "output layer alone.",
    },
)
