"""Claims of notebook 09, as recorded and spoiled."""

from tl_course.lessons.n09_small_gpt import claims
from tl_course.study import results


def given():
    return (results.load("small_gpt"),)


def swapped(column, one, other):
    def spoiled():
        table = results.load("small_gpt")
        kept = table.question.eq("prose")
        changed = table[column].replace({one: other, other: one}).where(~kept, table[column])
        return (table.assign(**{column: changed}),)

    return spoiled


CASES = {
    claims.reading_more_surprises_less: (lambda: (3.0, 2.0), lambda: (2.0, 3.0)),
    claims.pretraining_saves_bits: (given, swapped("arm", "option-2", "scratch")),
    claims.the_output_layer_alone_helps: (given, swapped("arm", "option-1", "scratch")),
    claims.a_prompt_helps_a_little: (given, swapped("front", "names", "prose")),
    claims.counting_can_be_pretrained: (given, swapped("arm", "counting", "counting-pretrained")),
}
