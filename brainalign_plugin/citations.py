"""Works that reports, meta-benchmarks and data files cite, each defined once."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Citation:
    """A work to cite.

    Attributes
    ----------
    authors : tuple of (str, str)
        Given and family name of each author; a group has an empty given name.
    title, venue, url : str
    year : int
    bibtex : str
        One entry, as Brain-Score's database takes it.
    """

    authors: tuple[tuple[str, str], ...]
    title: str
    year: int
    venue: str
    url: str
    bibtex: str

    @property
    def names(self) -> str:
        """The authors in reading order, separated by commas."""
        return ", ".join(f"{given} {family}".strip() for given, family in self.authors)


POSTER = Citation(
    authors=(
        ("Jannis", "Ahlert"),
        ("Thomas", "Klein"),
        ("Felix A.", "Wichmann"),
        ("Robert", "Geirhos"),
    ),
    title="How Aligned are Different Alignment Metrics?",
    year=2024,
    venue="Re-Align workshop at ICLR 2024, arXiv 2407.07530",
    url="https://arxiv.org/abs/2407.07530",
    bibtex="""@misc{ahlert2024aligned,
  title={How Aligned are Different Alignment Metrics?},
  author={Ahlert, Jannis and Klein, Thomas and Wichmann, Felix A. and Geirhos, Robert},
  year={2024},
  eprint={2407.07530},
  archivePrefix={arXiv},
  note={Re-Align workshop at ICLR 2024},
  doi={10.48550/arXiv.2407.07530},
  url={https://arxiv.org/abs/2407.07530}
}""",
)
BRAINALIGN = Citation(
    authors=(("", "BrainAlign contributors"),),
    title="BrainAlign: aggregations of Brain-Score's benchmarks on frozen reference boards",
    year=2026,
    venue="software",
    url="https://www.brain-score.org",
    bibtex="""@software{brainalign2026,
  title={BrainAlign: aggregations of Brain-Score's benchmarks on frozen reference boards},
  author={{BrainAlign contributors}},
  year={2026},
  url={https://www.brain-score.org}
}""",
)
