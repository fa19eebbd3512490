"""The short questions of notebook 07."""

from tl_course.lessons.questions import Question

TEST_CHOOSES = Question(
    "Nine cuts at four sizes make 36 networks. You try all of them on the test pictures and report "
    "the best one's accuracy. Is that what new pictures will show?",
    "No, it is likely too high",
    {
        "Yes, since no test picture was trained on": "Training is not the only way to use up a "
        "test. Choosing is another: the highest of 36 numbers was also lucky with these pictures.",
        "No, it is likely too high": "The highest of 36 is good and lucky. So the course let "
        "validation pictures choose, and asked the test once.",
        "No, it is likely too low": "The highest of many numbers is too high, because it has been "
        "lucky as well as good.",
    },
)
NEAR_SOURCE = Question(
    "ImageNet's network has more weights, saw more pictures, and was trained far longer. Why is "
    "your network 32 points ahead of it on drawings?",
    "Your network's source is nearer to the target",
    {
        "With fifty labels so many weights cannot be trained": "Option 1 trains none of them, only "
        "an output layer. And with fifty photographs the same network is far ahead.",
        "Your network's source is nearer to the target": "Telling drawings apart is what it "
        "was trained for. On photographs, where the other source is nearer, the other one leads.",
        "It was trained for too short a time": "More pretraining on photographs teaches more about "
        "photographs. It does not bring the source any nearer to drawings.",
    },
)
A_CARD = Question(
    "A card says: 100% right. What do you look for first?",
    "On which pictures that was measured",
    {
        "On which pictures that was measured": "Fifty digits are learnt by heart in a second, so "
        "100% on these says nothing. It counts only on pictures that were held out.",
        "How many weights the network has": "More weights learn fifty pictures by heart more "
        "easily. First look at what was counted.",
        "Who made it": "That matters for credit and trust. But anybody can test on the wrong "
        "pictures by mistake.",
    },
)
CAREFUL = Question(
    "A folder from a stranger: what does a careful engineer look at first?",
    "What kind of file it is and how large, before anything is opened",
    {
        "What kind of file it is and how large, before anything is opened": "Some formats run a "
        "program when they are opened, and some small files unpack to gigabytes.",
        "Whether the network gets good results": "To find that out you have to open the file, and "
        "that is where the harm is done.",
        "What the card says about the file": "The card is by the same stranger. Believe no number "
        "there that you can count yourself.",
    },
)
