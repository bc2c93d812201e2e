"""Works that reports, meta-benchmarks and data files cite, each defined once."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Citation:
    """A work to cite."""

    # Given and family name of each author; a group has an empty given name.
    authors: tuple[tuple[str, str], ...]
    title: str
    year: int
    venue: str
    url: str
    bibtex: str  # One entry, as Brain-Score's database takes it

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


def _article(
    key: str,
    authors: tuple[tuple[str, str], ...],
    title: str,
    year: int,
    venue: str,
    url: str,
    doi: str = "",
) -> Citation:
    names = " and ".join(f"{family}, {given}" for given, family in authors)
    lines = [f"title={{{title}}}", f"author={{{names}}}", f"year={{{year}}}", f"journal={{{venue}}}"]
    lines += [f"doi={{{doi}}}"] if doi else []
    fields = ",\n  ".join([*lines, f"url={{{url}}}"])
    return Citation(authors, title, year, venue, url, f"@article{{{key},\n  {fields}\n}}")


def _by_doi(
    key: str, authors: tuple[tuple[str, str], ...], title: str, year: int, venue: str, doi: str
) -> Citation:
    return _article(key, authors, title, year, venue, f"https://doi.org/{doi}", doi)


BRAIN_SCORE = _by_doi(
    "schrimpf2020integrative",
    (
        ("Martin", "Schrimpf"),
        ("Jonas", "Kubilius"),
        ("Michael J.", "Lee"),
        ("N. Apurva Ratan", "Murty"),
        ("Robert", "Ajemian"),
        ("James J.", "DiCarlo"),
    ),
    "Integrative Benchmarking to Advance Neurally Mechanistic Models of Human Intelligence",
    2020,
    "Neuron",
    "10.1016/j.neuron.2020.07.040",
)
# Papers of benchmarks, by the name that their identifiers begin with.
BENCHMARKS = {
    "MajajHong2015": _by_doi(
        "majaj2015simple",
        (("Najib J.", "Majaj"), ("Ha", "Hong"), ("Ethan A.", "Solomon"), ("James J.", "DiCarlo")),
        "Simple Learned Weighted Sums of Inferior Temporal Neuronal Firing Rates Accurately Predict Human Core Object "
        "Recognition Performance",
        2015,
        "Journal of Neuroscience",
        "10.1523/JNEUROSCI.5181-14.2015",
    ),
    "FreemanZiemba2013": _by_doi(
        "freeman2013functional",
        (
            ("Jeremy", "Freeman"),
            ("Corey M.", "Ziemba"),
            ("David J.", "Heeger"),
            ("Eero P.", "Simoncelli"),
            ("J. Anthony", "Movshon"),
        ),
        "A functional and perceptual signature of the second visual area in primates",
        2013,
        "Nature Neuroscience",
        "10.1038/nn.3402",
    ),
    "Marques2020": _by_doi(
        "marques2021multiscale",
        (("Tiago", "Marques"), ("Martin", "Schrimpf"), ("James J.", "DiCarlo")),
        "Multi-scale hierarchical neural network models that bridge from single neurons in the primate primary visual "
        "cortex to object recognition behavior",
        2021,
        "bioRxiv",
        "10.1101/2021.03.01.433495",
    ),
    "Geirhos2021": _article(
        "geirhos2021partial",
        (
            ("Robert", "Geirhos"),
            ("Kantharaju", "Narayanappa"),
            ("Benjamin", "Mitzkus"),
            ("Tizian", "Thieringer"),
            ("Matthias", "Bethge"),
            ("Felix A.", "Wichmann"),
            ("Wieland", "Brendel"),
        ),
        "Partial success in closing the gap between human and machine vision",
        2021,
        "Advances in Neural Information Processing Systems",
        "https://arxiv.org/abs/2106.07411",
    ),
    "Rajalingham2018": _by_doi(
        "rajalingham2018large",
        (
            ("Rishi", "Rajalingham"),
            ("Elias B.", "Issa"),
            ("Pouya", "Bashivan"),
            ("Kohitij", "Kar"),
            ("Kailyn", "Schmidt"),
            ("James J.", "DiCarlo"),
        ),
        "Large-Scale, High-Resolution Comparison of the Core Visual Object Recognition Behavior of Humans, "
        "Monkeys, and "
        "State-of-the-Art Deep Artificial Neural Networks",
        2018,
        "Journal of Neuroscience",
        "10.1523/JNEUROSCI.0388-18.2018",
    ),
    "Kar2019": _by_doi(
        "kar2019evidence",
        (
            ("Kohitij", "Kar"),
            ("Jonas", "Kubilius"),
            ("Kailyn", "Schmidt"),
            ("Elias B.", "Issa"),
            ("James J.", "DiCarlo"),
        ),
        "Evidence that recurrent circuits are critical to the ventral stream's execution of core object recognition "
        "behavior",
        2019,
        "Nature Neuroscience",
        "10.1038/s41593-019-0392-5",
    ),
    "Rajalingham2020": _by_doi(
        "rajalingham2020inferior",
        (("Rishi", "Rajalingham"), ("Kohitij", "Kar"), ("Sachi", "Sanghavi"), ("Stanislas", "Dehaene")),
        "The inferior temporal cortex is a potential cortical precursor of orthographic processing in untrained "
        "monkeys",
        2020,
        "Nature Communications",
        "10.1038/s41467-020-17714-3",
    ),
}
