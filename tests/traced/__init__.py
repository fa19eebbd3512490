"""Where each number that a reader reads is from, and whether it still is what is printed there.

`collecting` finds the sentences, `quantities` the numbers in them, `checking` holds them against
`traces.json`, whose expressions are written with the names of `measured`. `python tests/traced`
prints what has no trace, in the form in which it is added there.
"""
