"""The quantities that a sentence states, without those that only name or count parts of the page.

What is left has to be traced: see `traces.json`. Each rule says why a number needs no trace.
"""

import re

SMALL = "two|three|four|five|six|seven|eight|nine|ten|eleven|twelve"
LARGE = (
    "thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen|twenty|thirty|forty|fifty|"
    "sixty|seventy|eighty|ninety|hundreds?|thousands?|millions?|billions?"
)
PARTS = (
    "half|halves|thirds?|quarters?|fifths?|sixths?|tenths?|twelfths?|fifteenths?|twice|doubled?|"
    "doubles|tripled?|halved|dozens?"
)
SIZES = (  # of labelled examples
    r"10|ten|20|twenty|30|thirty|50|fifty|100|hundred|200|two\ hundred|500|five\ hundred|1,000|"
    "thousand"
)
SIZE = rf"""(?:a\ |one\ )?(?:{SIZES})
    (?:(?:,\ |\ ?,?\ and\ |\ or\ |\ to\ |\ (?:or|and)\ with\ |\ and\ of\ )(?:a\ )?(?:{SIZES}))*"""
MEASURED = (  # what follows a number that says how much, and not how many parts there are
    "points?|times|percent|bits?|minutes?|seconds?|hours|days|pairs|gigabyte|megabytes|draws|runs|"
    "seeds|speakers|people|voices|languages|pretrainings|settings|rates|more|fewer|as|thousand|"
    "hundred|million|billion|thirds|quarters|turns|in|of|to|or|and|right|wrong|on|against|with|"
    "for|at|by|behind"
)
COUNTED = (
    "digits?|labels?|images?|examples?|pictures?|names|lines|drawings|photographs|things|letters|"
    "copies|recordings|spectrograms"
)
OF_THEM = r"of\ (?:them|these|those|the|its)"
RULES = {
    "code for the browser, for pandas or for a format": r"""
        .*(?:px|\dem\b|</?\w+|[=<>]=|\{\d?[.:\[]|images\ (?:in|>)\ |\{desc\}).*""",
    "the minutes in a row of a time-table, which tests/test_teaching.py adds up": r"""
        ^\|\ \d\d?\ \|
        (?=\ (?:0\d\b|Arrival|Break|Exercise|Exit\ ticket|What|The)[^|]*\|[^|]*\|[^|]*\|$)""",
    "the number of a notebook": r"""
        (?<![.\d])\b0\d\b(?!\.\d) | \bnotebooks?\ \d\d | \b\d\d(?=\ [·→]) | ←\ \d\d | \[1[01]\]
        | \|\ \*{0,2}1[01]\b | \*\*1[01]\*\* | \b11\ (?:is\ taken\ home|has\ no\ exercises)
        | \bproject\ after\ 11\b
        | (?<=[01]\d\ and\ )1[01]\b | (?<=[01]\d,\ and\ )1[01]\b | (?<=[01]\d\ or\ )1[01]\b
        | (?<=[01]\d\ to\ )1[01]\b | (?<=0\d,\ )10(?=\ (?:and|or)\ 11) | (?<=0\d,\ )1[01](?=\))""",
    "a name with a number in it": r"""
        \b[a-z]+[-₂]?\d[\w.-]*\b | \b3-clause\b | \[\d{4}\.\d{5}\] | \#\w{4,}
        | \b64-bit\b | arxiv\.org/abs/\d+\.\d+
        | \b(?:cc\ by|sa|gpl|apache|python|jupyterlab|notebook|wcag|distill|arxiv|pillow|cc|version:
        |tl_course\ \w+|tables|gpt)\ \d[\d.]*\b""",
    "an option, a layer, a stage, a seed, a session": r"""
        \b(?:options?|layers?|stages?|seeds?|sessions?|steps?|rows?|columns?|units?|character|k\ =)
        \ \d+
        (?:(?:,\ |,?\ and\ |,?\ or\ |\ to\ |–|-)[1-5])*\b(?!×|\ (?:to|of))""",
    "a year": r"\b(?:19|20)\d\d\b",
    "a shape or a size of filters": r"""
        \b\d+(?:×\d+)+\b | \b\d+\ by\ \d+(?=\ (?:pixels|points))""",
    "the level of an interval": r"""
        \b95%(?=\ (?:conf|\*conf|int)) | 95%(?=:) | \(95%\) | (?:does|that)\ 95%(?=\ promise)
        | one\ (?:time\ )?in\ twenty""",
    "out of a hundred": r"\bof\ (?:a\ )?(?:every\ )?(?:100|hundred)\b",
    "0 and 1 as bounds": r"""
        \b[01](?:\ …|,|\ to|\ and|–|-)+\ ?[01]\b
        | (?<![\d.,/−+±-])\b[01]
          (?!\ (?:of\ 100|to\ [2-9]|points?|minute|gb|mb|chance)|[\d.,/%]*\d|%)\b""",
    "a digit that is drawn": r"""
        (?:\ba|another|handwritten|slanted|“|(?<![\d.])0\ to|one)\ (?:[2-9]|three|five|seven)\b
          (?!\ (?:as|of|time|points))
        | “seven” | \bon\ sevens?\b | \btwo\ sevens\b | \b0,\ 1,\ …\ 9\b | …\ one\ 9
        | \bzero\*?\ to\ \*?nine\b | as\ \*cat\*\ or\ \*7\* | \(0\ \+\ 9\) | from\ 0\ to\ 9""",
    "an ordinal": r"""
        \b(?:third|fifth|tenth|sixth)(?=\ (?!(?:of|as|more|to)\b)\w) | ^third(?=:) | \bthe\ third\b
        | \b(?:first|second|other|one|left|right)\ half\b""",
    "half of an interval, or two and more": r"""
        \bhalf\ (?:of\ it\b|of\ (?:the|its|a)\ (?:95%\ )?interval|width|interval|of\ the\ whole)
        | ±\ half | \b(?:two|2)\ (?:\w+\ )?or\ more\b""",
    "the title of a notebook": r"ten\ images\ or\ a\ thousand",
    "how many were labelled, a condition": rf"""
        (?<!about\ )(?<!±\ )\b{SIZE}(?:-|(?:\ (?:labelled|handwritten|training|test|other
          |new|more|altered|validation|of\ the))*\ (?:{COUNTED})\b)
        | \b(?:with|from|at|after|to|up\ to|of|against|instead\ of|those\ for|which|ones\ for|all
          |between|these|those|settings\ of)\ (?:only\ )?{SIZE}(?!,\d)
          (?=[.,;:)?(]|$|\ (?:and|or|on|it|the|there|neither|both|they|option|this|as|for|all|in
          |from|\||labelled|under|a\ bar|was|draws?|than|with)\b)""",
    "how many of each, a condition": r"""
        \b(?:two|five|ten|sixteen)\ (?:of|from|images\ of|examples\ of)\ each""",
    "a count of parts": rf"""
        \b(?:{SMALL})(?=(?:\ |-)(?!(?:{MEASURED})\b)[a-z*“‘]+)
        | \b(?:all|both|the|these|those|of|has|that|than|has\ all)\ (?:{SMALL})
          (?=[.,;:?)]|$|\ (?:{OF_THEM}|and|are)\b)
        | ^\W*(?:{SMALL})\ (?:{OF_THEM}|(?!{MEASURED})[a-z])""",
}
FLAGS = re.IGNORECASE | re.DOTALL | re.VERBOSE
NUMBER = re.compile(
    rf"(?:(?<![\w.,])[−+±-]?\d[\d,]*(?:\.\d+)?(?:e-?\d+)?|[½¼⅛]|\b(?:{SMALL}|{LARGE}|{PARTS})\b)"
    r"(?:[ -](?:hundred|thousand|million|billion)s?\b)?",
    re.I,
)


def quantities(sentence: str) -> list[str]:
    """The numbers and number words of a sentence that no rule explains, as they are printed."""
    if not NUMBER.search(sentence):
        return []
    for pattern in RULES.values():
        sentence = re.sub(pattern, lambda match: "·" * len(match[0]), sentence, flags=FLAGS)
    return [number.rstrip(",") for number in NUMBER.findall(sentence)]


WORDS = dict(
    zip(f"{SMALL}|thirteen|fourteen|fifteen|sixteen".split("|"), range(2, 17), strict=True)
)
WORDS |= {word: 10 * n for n, word in enumerate(LARGE.split("|")[7:15], 2)}
WORDS |= {"eighteen": 18, "seventeen": 17, "nineteen": 19, "hundred": 100, "thousand": 1000}
WORDS |= {"million": 10**6, "billion": 10**9, "twice": 2, "double": 2, "doubled": 2, "dozen": 12}
WORDS |= {"half": 1 / 2, "third": 1 / 3, "quarter": 1 / 4, "fifth": 1 / 5, "sixth": 1 / 6}
WORDS |= {"tenth": 1 / 10, "fifteenth": 1 / 15, "½": 1 / 2, "¼": 1 / 4, "⅛": 1 / 8, "halve": 1 / 2}


def value(printed: str) -> float:
    """What a printed number says: "two thousand", "−5.6", "1,024", "a quarter"."""
    product = 1.0
    for part in re.split(r"[ -](?=[a-z])", printed.lower()):
        word = part if part in WORDS else part.rstrip("s")
        product *= WORDS[word] if word in WORDS else float(part.replace(",", "").replace("−", "-"))
    return product
