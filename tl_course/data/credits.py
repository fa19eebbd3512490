"""What a network or a data set was made of, and who made that."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Material:
    """What a network learnt from and somebody else made."""

    what: str
    by: str
    licence: str
