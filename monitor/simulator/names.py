"""Invented model names, ordinary and hostile."""

from __future__ import annotations

import numpy as np

_FAMILIES = (
    "foveanet",
    "retinax",
    "striatron",
    "corvix",
    "ganglia",
    "optix_tectum",
    "pulvinet",
    "saccadia",
    "colliculus",
    "glianet",
    "amacrine",
    "mulleria",
    "conefield",
    "rodworks",
    "chiasma",
    "laminet",
    "cuneus",
    "orbitron",
    "perceptor",
    "gaborine",
)
_SIZES = (
    "",
    "_s",
    "_m",
    "_l",
    "_xl",
    "-18",
    "-34",
    "-50",
    "-101",
    "50x2",
    "_b16_224",
    "_b16_384",
    "_tiny",
    "_w24",
)
_TRAINING = (
    "",
    "",
    "",
    "-in1k",
    "-in22k_ft",
    "_untrained",
    "-contrastive",
    "-stylised",
    "_noise_std4",
    "-distilled",
)

HOSTILE_NAMES: tuple[str, ...] = (
    "<script>alert(document.domain)</script>",
    "</script><script>document.title='broken out'</script>",
    '"><img src=x onerror="alert(1)">',
    "<!-- unclosed comment",
    "]]><svg/onload=alert(1)>",
    "{{ 7 * 7 }}{% raw %}",
    "{% for x in range(9) %}${jndi:ldap://x}{% endfor %}",
    "javascript:alert('1')//\"",
    "=1+1",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    '-2+3,"quoted";semicolon\ttab',
    "two\nlines\r\nthree",
    "control \x07 bell \x1b[31mred\x1b[0m",
    "\u202egnp.exe reversed",
    "line\u2028separator\u2029paragraph",
    "\U0001f9e0\u200d\U0001f52c\U0001f441\ufe0f net",
    "a\u0301" * 40,
    "x" * 5000,
    " leading and trailing ",
    "../../../../etc/passwd",
    "'; DROP TABLE models; --",
    "%s %(name)s {0} {name} %n",
    "null",
    "NaN",
    "546",
    "\\u003cb\\u003e \\x3cb\\x3e &lt;b&gt; &amp;",
)
"""Names that a leaderboard could really serve: its database refuses a NUL or a lone surrogate in JSON."""


def invented_names(generator: np.random.Generator, count: int) -> list[str]:
    """Draw distinct, plausible names of models that do not exist.

    Parameters
    ----------
    generator
        Source of randomness.
    count
        Number of names.
    """
    names: list[str] = []
    seen: set[str] = set()
    while len(names) < count:
        family, size, training = (str(generator.choice(words)) for words in (_FAMILIES, _SIZES, _TRAINING))
        name = f"{family}{size}{training}"
        while name in seen:
            name = f"{name}_{int(generator.integers(2, 10))}"
        seen.add(name)
        names.append(name)
    return names
