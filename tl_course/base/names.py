"""Names from outside that become names of files and folders, on every system."""

import os
import re
import unicodedata

JOINERS = "\u200c\u200d"  # within words of some languages, and within emoji
WIDE_SPACE = "\u3000"
LONGEST = 100  # bytes of a name
MOST = 1000  # characters that are looked at
ODD = '<>:"|?*\\/'  # what some system takes in no name
RESERVED = re.compile(r"(con|prn|aux|nul|(com|lpt)[\d¹²³])(\.|$)", re.IGNORECASE)  # by Windows


def is_plain(name: str) -> bool:
    """Whether a name is text on one line that is shown as it is, without control characters.

    Spaces must be single and inside; the wide space of Japanese counts as one.
    """
    spaced = name.replace(WIDE_SPACE, " ")
    kinds = {unicodedata.category(character) for character in name if character not in JOINERS}
    return name != "" and spaced == " ".join(spaced.split()) and not kinds & {"Cc", "Cf", "Cs"}


def composed(name: str) -> str:
    """The name in composed form (NFC), so that ä and a with two dots are the same."""
    return unicodedata.normalize("NFC", name)


def clean(name: str) -> str:
    """A name that every system accepts: odd characters become "_", and long names are cut."""
    if len(name) > MOST:  # in what is much longer, accents take the square of its length
        name = name[: MOST // 2] + name[-MOST // 2 :]
    name = composed(name)
    name = "".join(c if c.isprintable() and c not in ODD else "_" for c in name).strip(" .") or "_"
    name = f"_{name}" if RESERVED.match(name) else name
    stem, ending = os.path.splitext(name)
    room = LONGEST - len(ending.encode())
    short = stem.encode()[: max(room, 1)].decode(errors="ignore").rstrip(" .") or "_"
    return (short + ending) if room > 0 else name.encode()[:LONGEST].decode(errors="ignore")
