"""Short questions that are answered at once, between the parts of a lesson.

Those of notebook NN are in `nNN_…/questions.py`; `tl.question(questions.NAME)` shows one.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Question:
    """`answers` maps each choice to its explanation, and `right` is one of the choices.

    Raises ValueError if there are fewer than two choices, if one has no explanation, or if `right`
    is none of them.
    """

    text: str
    right: str
    answers: dict[str, str]

    def __post_init__(self) -> None:
        if self.right not in self.answers or len(self.answers) < 2:
            raise ValueError(f"'{self.right}' is not one of two or more answers to: {self.text}")
        if not all(why.strip() for why in self.answers.values()):
            raise ValueError(f"Every answer needs its explanation: {self.text}")
