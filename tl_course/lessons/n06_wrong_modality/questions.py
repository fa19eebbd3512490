"""The short questions of notebook 06."""

from tl_course.lessons.questions import Question

SAME_SHAPE = Question(
    "A picture network gets a spectrogram of 3×32×32 numbers, and PyTorch raises no error. "
    "What does that show?",
    "That the shapes agree, and nothing else",
    {
        "That the network can use what it learnt from pictures": "PyTorch compares shapes. Whether "
        "the layers are of any use for such an input must be measured, as you will do next.",
        "That the shapes agree, and nothing else": "Shape is all that PyTorch looks at. What the "
        "numbers stand for has to be written down beside them.",
        "That sound and pictures are the same modality here": "They have the same shape. The "
        "modality is what was recorded: in a picture both axes are space, in a spectrogram one is "
        "time and one is pitch.",
    },
)
OTHER_PEOPLE = Question(
    "Sound layers are 35 ± 13 points ahead with people's voices, over twelve draws with each of "
    "three networks. Four people were the test in turn. What does this 95% interval allow for?",
    "Other people than these four, and other networks",
    {
        "Other draws of fifty recordings from these four, and no more": "With that alone it would "
        "be narrower. It is taken over the four people, so it includes how much people differ.",
        "Other people than these four, and other networks": "It comes from the means of the four "
        "people and of the three networks, and it is wide because four people differ. Twelve draws "
        "add recordings, but no people.",
        "Other microphones and other words as well": "Nothing of that kind was varied, so nothing "
        "in the table can say how much it would change. The interval leaves it out.",
    },
)
BIRDS = Question(
    "You have fifty spectrograms of birds, labelled by species. Which of the three networks do you "
    "try first, and what do you compare it with?",
    "Sound; with random layers and with no network at all",
    {
        "Pictures, which saw a million; with guessing": "More pretraining did not make up for "
        "another modality: sound's 400,000 names served speech better. And guessing is no "
        "baseline, because random layers get 66% of the spoken digits right.",
        "Sound; with random layers and with no network at all": "It is the nearest source that is "
        "measured here. Birds are not spoken names, so the two controls must say whether it helps.",
        "Sound; no comparison is needed, because sound helps sound": "It helped with spectrograms "
        "and not with raw samples, so the same modality in another form can be of no use. Measure "
        "it.",
    },
)
