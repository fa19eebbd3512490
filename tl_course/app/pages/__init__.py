"""The pages of results: what `tl-course records` writes on each of them, between which marks."""

from pathlib import Path

from tl_course.app.notebooks import root
from tl_course.app.pages import measured, rules, votes
from tl_course.app.pages.markdown import filled, part


def pages() -> dict[Path, str]:
    """The README and pages of docs/ with what is recorded now: their new texts by path."""
    parts = {
        "README.md": {
            "short": part(measured.short_table, "official"),
            "beside": part(measured.beside_published_table, "protocols"),
        },
        "docs/results.md": {
            "results": part(measured.sweep_table, "sweep"),
            "official": part(measured.sweep_table, "official"),
            "networks": part(measured.networks_table, "official", "pretrainings"),
            "pushed": part(measured.pushed_table, "push"),
            "first": part(measured.first_of_each_table, "protocols"),
            "matrix": part(measured.matrix_table, "matrix"),
            "published": part(measured.published_table, "published_cuts", "published_rivals"),
        },
        "docs/rules.md": {"rules": rules.rules_part()},
        "docs/speed.md": {
            "recipes": part(measured.recipes_table, "recipes"),
            "race": part(measured.race_table, "race"),
            "long_recipes": part(measured.long_recipes_table, "long_recipes"),
        },
        **{f"docs/teaching/{name}.md": votes.session(*of) for name, of in votes.PAGES.items()},
    }
    later = votes.votes(["02"], ["after session 1", "dig deeper"])
    parts["docs/teaching/session_1.md"]["later"] = later
    return {root() / page: filled(root() / page, parts[page]) for page in parts}
