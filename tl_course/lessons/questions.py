"""Short questions with an answer at once: what a lesson asks at its turns.

Those of notebook NN are in `nNN_…/questions.py`; `tl.question(questions.NAME)` shows one.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Question:
    """`answers` are the choices, each with what is said to it; `right` is one of them.

    Raises ValueError where a choice has no explanation or the right one is not among them.
    """

    text: str
    right: str
    answers: dict[str, str]

    def __post_init__(self) -> None:
        if self.right not in self.answers or len(self.answers) < 2:
            raise ValueError(f"'{self.right}' is not one of two or more answers to: {self.text}")
        if not all(why.strip() for why in self.answers.values()):
            raise ValueError(f"Every answer needs its explanation: {self.text}")
