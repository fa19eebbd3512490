"""Who made the data that a network or a data set was made of."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Material:
    """Data that somebody else made and a network learnt from."""

    what: str
    by: str
    licence: str
