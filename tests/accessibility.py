"""Rules of accessibility that a page in a browser breaks, by axe-core."""

from __future__ import annotations

from pathlib import Path

RUN = """
const done = arguments[arguments.length - 1];
axe.run(document, { resultTypes: ["violations"] }).then((found) => done(found.violations.map(
  (one) => [one.id, one.impact, one.nodes.map((node) => node.html.slice(0, 120))])));
"""


def violations(browser) -> list[tuple[str, list[str]]]:
    """Return serious and critical violations of the page that is open: rule and places."""
    import axe_core_python

    script = (Path(axe_core_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
    found = browser.execute_async_script(f"{script};{RUN}")
    return [(rule, places) for rule, impact, places in found if impact in ("serious", "critical")]
