"""The short questions of notebook 08."""

from tl_course.lessons.questions import Question

INTERVAL = Question(
    "The pictures made here are pieces of eight photographs, and the interval says where the "
    "accuracy may lie with other test pictures. With which others?",
    "With other pieces of the same eight photographs",
    {
        "With any photographs of cats, bricks and coins": "Nobody tested another cat. Every test "
        "picture of a cat is a piece of the same photograph, so nothing here says what happens on "
        "another.",
        "With other pieces of the same eight photographs": "An interval covers what varied among "
        "the test pictures. For other cats, other cats have to be in the test.",
        "With other training pictures": "The network was trained once, and the interval counts "
        "its test pictures alone. Other training pictures make another network, which adds to the "
        "uncertainty.",
    },
)
LARGEST_CLASS = Question(
    "A network that tells ten kinds of leaves apart gets 90% of the test pictures right. In the "
    "test 90% of the pictures show oak. Has it learnt anything?",
    "That cannot be said: always naming oak gets 90% as well",
    {
        "Yes: guessing among ten kinds gets 10%": "Guessing blindly is too easy a baseline. "
        "Naming the most frequent class needs no picture either, and it gets 90%.",
        "That cannot be said: always naming oak gets 90% as well": "An accuracy means something "
        "only beside its baseline. The confusion matrix shows whether it knows another class.",
        "Yes, as long as it was right on the training pictures too": "Training pictures can be "
        "learnt by heart. They say nothing about others.",
    },
)
SOURCE = Question(
    "In colour, random layers are ahead of the borrowed ones here (both frozen, no "
    "augmentation). What follows?",
    "This source taught its layers to ignore something that counts here",
    {
        "Borrowed layers are useless for photographs": "In grey they are ahead, and with Option 2 "
        "and augmentation they are ahead of both. While they are frozen, they cannot learn to use "
        "colour.",
        "This source taught its layers to ignore something that counts here": "A source is right "
        "for a task if what it varied at random does not matter there. Another source is one "
        "remedy, and fine-tuning the layers is another.",
        "The borrowed layers needed more pretraining on the same drawings": "Six in ten of "
        "those are shown in grey, however many there are. More of them teach the same.",
    },
)
