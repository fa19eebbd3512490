"""Pages and tables of HTML: one template, in which every text is escaped unless it is Markup."""

from collections.abc import Iterable, Sequence

from jinja2 import Environment
from markupsafe import Markup

_TEMPLATES = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
_PAGE = _TEMPLATES.from_string("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}</title>
<style>
body { font: 1.1rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; overflow-wrap: anywhere; }
table { border-collapse: collapse; }
th, td { text-align: left; padding: .3rem .8rem; border-bottom: 1px solid #bbb; vertical-align: top; }
td.number { text-align: right; white-space: nowrap; }
img { max-width: 100%; height: auto; }
</style>
</head>
<body>
<main>
<h1>{{ heading }}</h1>
{% for part in parts %}
{{ part }}
{% endfor %}
</main>
</body>
</html>
""")  # noqa: E501
_TABLE = _TEMPLATES.from_string(
    """{% set at = ' style="text-align:left"'|safe if texts else "" %}"""
    '<table{% if style %} style="{{ style }}"{% endif %}>'
    "{% if caption %}<caption{{ at }}>{{ caption }}</caption>{% endif %}"
    "{% if head %}<thead><tr>"
    '{% for column in head %}<th scope="col"{{ at }}>{{ column }}</th>{% endfor %}'
    "</tr></thead>{% endif %}<tbody>"
    "{% for row in rows %}<tr>{% for cell in row %}"
    '{% if named and loop.first %}<th scope="row"{{ at }}>{{ cell }}</th>'
    '{% elif cell is number %}<td class="number">{{ cell }}</td>'
    "{% else %}<td{{ at }}>{{ cell }}</td>{% endif %}"
    "{% endfor %}</tr>{% endfor %}</tbody></table>"
)


def page(title: str, parts: Iterable[str], heading: str | None = None) -> str:
    """A whole page with its parts one below the other."""
    return _PAGE.render(title=title, heading=heading or title, parts=parts)


def table(
    rows: Iterable[Sequence],
    head: Sequence = (),
    *,
    caption: str = "",
    named: bool = False,
    texts: bool = False,
    style: str = "",
) -> Markup:
    """Rows of cells below the column names in `head`; the first cell of `named` rows is a header.

    `texts` aligns cells to the left, also in JupyterLab, which otherwise aligns them to the right.
    """
    rendered = _TABLE.render(
        rows=rows, head=head, caption=caption, named=named, texts=texts, style=style
    )
    return Markup(rendered)


def lines_of_cell(of: Iterable[str]) -> Markup:
    """Texts, each on a line of its own, for the cell of a table."""
    return Markup("<br>").join(of)


def paragraph(text: str) -> Markup:
    """A text as a paragraph."""
    return Markup("<p>{}</p>").format(text)


def bullets(of: Iterable[str]) -> Markup:
    """Texts as a list."""
    items = Markup("").join(Markup("<li>{}</li>").format(text) for text in of)
    return Markup("<ul>{}</ul>").format(items)
