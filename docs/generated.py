"""Pages of the documentation that the build makes: help, settings file, Python, schemas, gallery, pages of the root.

MkDocs calls `on_files` with the files of docs/; see the hooks in mkdocs.yml.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

import brainalign_plugin as ba

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
SCHEMA_DIALECT = "https://json-schema.org/draft/2020-12/schema"

# Charts of the library: a name, and the lines after `import` and `board = ba.example()` that make it.
CHARTS = {
    "heatmap": "chart = ba.agreement(board).plot.heatmap()",
    "good models": "chart = ba.agreement(board).plot.good_models()",
    "scatter": 'chart = ba.agreement(board).plot.scatter("FreemanZiemba2013.V1-pls", "Marques2020-size")',
    "bump": 'chart = ba.rank(board, ["HIER", "ZMEAN", "RANK", "COPELAND"]).plot.bump()',
    "intervals": 'chart = ba.rank(board, "HIER").plot.intervals()',
    "intervals of one scheme of several": 'chart = ba.rank(board, ["HIER", "ZMEAN"]).plot.intervals("ZMEAN")',
    "tiers": "chart = ba.certainty(board).plot.tiers()",
    "components": "chart = ba.certainty(board).plot.components()",
    "influence": "chart = ba.certainty(board).plot.influence()",
    "validity": 'chart = ba.validity(board, ["HIER", "ZMEAN", "RANK"]).plot.schemes()',
    "drivers": "chart = ba.drivers(board).plot.coefficients()",
    "scree": "chart = ba.dimensions(board).plot.scree()",
    "clusters": "chart = ba.clusters(board).plot.heatmap()",
    "violations": 'chart = ba.audit(board, ["HIER", "ZMEAN", "RANK"], ["iia"]).plot.violations()',
    "profile": 'chart = ba.place(board.ids[0], ba.freeze(board, "base"), schemes=["HIER"]).plot.profile()',
    "place": 'chart = ba.place(board.ids[0], ba.freeze(board, "base"), schemes=["HIER", "ZMEAN"]).plot.schemes()',
    "agreement testing": "chart = ba.agreement_testing(board).plot.intervals()",
    "timeline": 'chart = ba.timeline([board.as_of("2023-01-01"), board]).plot.figures()',
}
BEFORE = "import brainalign_plugin as ba\nboard = ba.example()\n"


def on_files(files: Files, config: Any) -> Files:
    """Add the generated pages and files."""
    for path, content in generated():
        files.append(File.generated(config, path, content=content))
    return files


def generated() -> Iterator[tuple[str, str | bytes]]:
    """Return path and content of every generated file."""
    yield "help.md", help_page()
    yield "settings-file.md", settings_page()
    yield "python.md", python_page()
    yield "design.md", of_the_root("DESIGN.md")
    yield "contributing.md", of_the_root("CONTRIBUTING.md")
    yield "changelog.md", of_the_root("CHANGELOG.md")
    found = schemas()
    yield "schemas.md", schemas_page(found)
    for command, schema in found.items():
        yield f"schemas/{command}.schema.json", json.dumps(schema, indent=1, ensure_ascii=False) + "\n"
    yield from gallery()


def of_the_root(name: str) -> str:
    """Return a page of the repository's root with its links as seen from docs/."""
    text = (ROOT / name).read_text(encoding="utf-8")
    return re.sub(r"\]\((?:docs/|([A-Z]+\.md))", lambda found: f"]({(found[1] or '').lower()}", text)


def help_page() -> str:
    """Return the help of every command."""
    import typer

    from brainalign_monitor.cli.main import app

    blocks = ["# Help of every command\n\n`brainalign COMMAND --help` prints the same.\n"]

    def walk(command: Any, parents: tuple[str, ...], above: Any) -> None:
        context = command.make_context(parents[-1], [], parent=above, resilient_parsing=True)
        context.terminal_width = 100
        blocks.append(f"## {' '.join(parents)}\n\n```text\n{command.get_help(context).rstrip()}\n```\n")
        for name, inner in sorted(getattr(command, "commands", {}).items()):
            walk(inner, (*parents, name), context)

    walk(typer.main.get_command(app), ("brainalign",), None)
    return "\n".join(blocks)


def settings_page() -> str:
    """Return the table of all settings, their texts from the annotated file, and that file."""
    from brainalign_monitor.config.reading import is_secret, setting_fields
    from brainalign_monitor.config.settings import Settings

    example = (ROOT / "monitor/brainalign.example.toml").read_text(encoding="utf-8")
    texts = setting_texts(example)
    lines = [
        "# All settings\n",
        "[Configuration](configuration.md) has the places of a setting, and their order. A setting without a default",
        "is off or unknown until it is given; NAME is a name of your choice. The variable of `mail.host` is",
        "`BRAINALIGN_MAIL__HOST`, and so on.\n",
        "| setting | default | what it does |",
        "|---|---|---|",
    ]
    for path, field in setting_fields(Settings):
        default = None if path == ("home",) or field.is_required() else field.get_default(call_default_factory=True)
        shown = "" if default in (None, (), "") else f"`{json.dumps(default)}`"
        secret = "Secret. " if is_secret(field.annotation) else ""
        name = ".".join(path).replace("*", "NAME")
        lines.append(f"| `{name}` | {shown} | {secret}{texts[path]} |")
    return "\n".join([*lines, f"\nThe file as `brainalign config init` writes it:\n\n```toml\n{example}```\n"])


def setting_texts(example: str) -> dict[tuple[str, ...], str]:
    """Return the text of each setting: the comment above it in the annotated file."""
    found = {("home",): "Folder of all state, from `--home` or the variable only; the user's data folder by default."}
    section: tuple[str, ...] = ()
    words: list[str] = []
    above = ""
    for line in example.splitlines():
        if table := re.fullmatch(r"#?\[([a-z]+)(\.[a-z]+)?\]", line):
            section = (table[1], *("*" for _ in range(table[2] is not None)))
        elif line.startswith("# "):
            words = [*(words if above.startswith("# ") else []), line[2:]]
        elif setting := re.match(r"#([a-z_]+) = ", line):
            text = html.escape(" ".join(words).replace(" (secret)", ""), quote=False)
            # Webhooks and notifications have the fields of recipients, described there.
            found[*section, setting[1]] = found.get(("recipients", "*", setting[1]), text)
        above = line
    return found


def python_page() -> str:
    """Return the page from which mkdocstrings makes the reference of all public names."""
    head = "# Python\n\n`import brainalign_plugin as ba`; each name below is `ba.NAME`.\n"
    names = [name for name in ba.__all__ if not name.startswith("__")]
    own = [f"::: {getattr(ba, name).__module__}.{name}\n" for name in sorted(names, key=str.lower)]
    return "\n".join([head, *own])


def tables(page: str) -> Iterator[tuple[str, str, list[list[str]]]]:
    """Return name, title and the cells of the table of each JSON record, with those of the record that it extends."""
    known: dict[str, list[list[str]]] = {}
    for section in re.split(r"^## ", (DOCS / page).read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        heading, _, text = section.partition("\n")
        named = re.fullmatch(r"`/?([^`]+?)(?: --json|\.json)?`( body| answer)?", heading)
        extended = re.match(r"\s+(An array|One object|The object) as of `([a-z ]+) --json`", text)
        found = re.findall(r"^\| (`.*) \|$", text, flags=re.MULTILINE)
        rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)] for row in found]
        if extended:
            one = extended[1] != "An array"
            rows = [[row[0].replace("`[].", "`") if one else row[0], *row[1:]] for row in known[extended[2]]] + rows
        if named and rows and ("json" in heading or named[2]):
            known[named[1]] = rows
            title = heading.replace("`", "")
            yield named[1], f"brainalign {title}" if "--json" in title else title, rows


def types(words: str) -> list[str]:
    """Return the types of JSON that a cell such as ``array of strings or null`` names."""
    first, null = words.partition(" ")[0], ["null"] if "null" in words else []
    return [{"list": "array"}.get(first, first), *null] if first else []


def schemas() -> dict[str, dict[str, Any]]:
    """Return the JSON Schema of each record, from the tables that describe their fields."""
    found = {}
    for page in ("commands.md", "history.md", "records.md"):
        for name, title, rows in tables(page):
            root: dict[str, Any] = {"type": ["object"], "properties": {}}
            for row in rows:
                words, meaning = (row[1], row[2]) if len(row) > 2 else ("", row[1])
                for field in re.findall(r"`([^`]+)`", row[0]):
                    place(root, field.replace("\\|", "|").removeprefix("[].").split("."), words, meaning)
            # An array of arrays has one row.
            inner = nested(root["properties"][""]) if "" in root["properties"] else object_of(root)
            found[re.sub(r"[ /]", "-", name)] = {
                "$schema": SCHEMA_DIALECT,
                "title": title,
                **({"type": "array", "items": inner} if rows[0][0].startswith("`[]") else inner),
            }
    return found


def place(parent: dict[str, Any], path: list[str], words: str, meaning: str) -> None:
    """Put a field of a table at its place in a tree of fields."""
    name = path[0].removesuffix("[]")
    # A scheme, a model, a benchmark or a figure: any name.
    key = "*" if name.startswith("<") or name.isupper() else name
    own = parent["properties"].setdefault(key, {"type": [], "properties": {}, "description": ""})
    if len(path) > 1:
        place(own, path[1:], words, meaning)
        return
    own["type"], own["description"] = types(words), meaning


def nested(field: dict[str, Any]) -> dict[str, Any]:
    """Return a field and all fields below it as a schema."""
    schema: dict[str, Any] = {"description": field["description"]} if field["description"] else {}
    if not field["properties"]:
        return schema | ({"type": field["type"]} if field["type"] else {})
    # A table writes `boards.models` of one object as of many.
    inner = object_of(field)
    return schema | {"anyOf": [inner, {"type": "array", "items": inner}, {"type": "null"}]}


def object_of(field: dict[str, Any]) -> dict[str, Any]:
    """Return an object with the fields below a field as a schema."""
    below = {key: nested(one) for key, one in field["properties"].items()}
    other = {"additionalProperties": below.pop("*")} if "*" in below else {}
    return {"type": "object", "properties": below, **other}


def schemas_page(found: dict[str, dict[str, Any]]) -> str:
    """Return the list of the schemas."""
    lines = [
        "# JSON Schema\n",
        "One file for each JSON of commands, site and webhooks, made of the table that describes it. A field that a",
        "schema does not name may come with a later release; `schema` rises when one changes its meaning or goes.\n",
        "| record | file |",
        "|---|---|",
    ]
    lines += [
        f"| `{schema['title']}` | [{name}.schema.json](schemas/{name}.schema.json) |"
        for name, schema in sorted(found.items())
    ]
    return "\n".join(lines) + "\n"


def gallery() -> Iterator[tuple[str, str | bytes]]:
    """Return the page of all charts, and the charts."""
    lines = [
        "# Gallery\n",
        "Every chart of the library, on the made-up board of `ba.example()`, with the three lines that make it.",
        '`chart.save("chart.svg")` writes it; `.png`, `.pdf`, `.html` and `.json` (Vega-Lite) are possible too.\n',
    ]
    names: dict[str, Any] = {}
    exec(BEFORE, names)  # noqa: S102 -- the lines above
    for name, line in CHARTS.items():
        exec(line, names)  # noqa: S102 -- the same
        # No SVG: a browser may have wider letters than those by which the chart was laid out.
        path = f"gallery/{name.replace(' ', '-')}.png"
        yield path, names["chart"].drawn(".png")
        lines.append(f"## {name}\n\n![{names['chart'].alt}]({path}){{ width=640 }}\n\n```python\n{BEFORE}{line}\n```\n")
    yield "gallery.md", "\n".join(lines)
