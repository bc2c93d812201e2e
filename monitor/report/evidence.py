"""Evidence on one board that the sections of its report share: each result once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from brainalign_plugin.analysis import Analysis
from brainalign_plugin.arrays import FloatArray
from brainalign_plugin.audit.study import SchemeStudy
from brainalign_plugin.certainty.board_certainty import BoardCertainty
from brainalign_plugin.certainty.bootstrap import Interval, draw_counts
from brainalign_plugin.certainty.figures import Outcomes, Panel, headline, largest_benchmarks, panels
from brainalign_plugin.certainty.good_models import HALF, GoodAgreement, agreement_curve
from brainalign_plugin.certainty.validity import Validity
from brainalign_plugin.files.site_cells import Rejected
from brainalign_plugin.text import BRAIN_SCORE, distinct_names

from ..history.series import Chronicle, Since
from .records import Verdict
from .wording import CLAIM, chance


@dataclass(frozen=True, eq=False)
class Evidence:
    """Results on one board, from which its report is built."""

    analysis: Analysis
    certainty: BoardCertainty
    validity: Validity | None = None  # None where the board is too small
    study: SchemeStudy | None = None  # None where no schemes can be compared
    since: Since | None = None  # Changes since the last observed board; None if there is no other
    past: Chronicle | None = None
    rejected: Sequence[Rejected] = ()  # Cells and fields that were not read as they stand
    command: str = ""
    version: str = ""
    # Versions of the libraries that the numbers rest on
    software: Mapping[str, str] = field(default_factory=dict)
    title: str = ""  # Of the page; empty names the leaderboard

    @property
    def brain_score(self) -> bool:
        """True for a board of Brain-Score, and not of another field."""
        return self.analysis.snapshot.domain in BRAIN_SCORE

    @cached_property
    def names(self) -> Mapping[int, str]:
        """Names of all models, fit to be shown; those that occur twice carry their id."""
        models = self.analysis.snapshot.models
        ids = [model.id for model in models]
        return dict(zip(ids, distinct_names([model.name for model in models], ids, 60), strict=True))

    @cached_property
    def official(self) -> Mapping[int, int | None]:
        """Official rank by model id."""
        models = self.analysis.snapshot.models
        return {m.id: rank for m, rank in zip(models, self.analysis.official.ranks, strict=True)}

    @cached_property
    def official_order(self) -> list[int]:
        """Ids of all models by official rank, those without one last."""
        return sorted(self.official, key=lambda i: (self.official[i] is None, self.official[i] or 0, i))

    @property
    def cleaned(self) -> frozenset[int]:
        """Ids of the models of the poster's board."""
        return frozenset(self.analysis.cleaning.board.ids)

    @property
    def has_parts(self) -> bool:
        """True if the board has a neural and a behavioural part, with models on it."""
        board = self.analysis.cleaning.board
        return bool(board.models) and all(part in board.tree for part in board.parts)

    def verdict(self, claim: str, judge: Callable[..., Outcomes], **figures: float | None) -> Verdict | None:
        """Return the judgement of a claim by headline figures, with its probability over draws of families."""
        if None in figures.values():
            return None
        words = f"The poster’s claim {claim}"
        if self.interval("mean_rho") is None:
            return Verdict(f"{words} is open: too few families of models", "unknown")
        outcome = str(judge(*(np.array([value]) for value in figures.values()))[0])
        same = judge(*(self.resampled[name] for name in figures)) == outcome
        return Verdict(f"{words} {CLAIM[outcome]}, with {chance(float(np.mean(same)))}", outcome)  # type: ignore[arg-type]

    def interval(self, name: str) -> Interval | None:
        """Interval of a headline figure over families of models."""
        return self.certainty.bootstrap.intervals[name]

    @cached_property
    def resampled(self) -> Mapping[str, FloatArray]:
        """Headline figures in the resamples of families that the intervals rest on."""
        used, board = self.certainty.bootstrap, self.analysis.cleaning.board
        return headline(board, draw_counts(self.certainty.families.labels, used.resamples, used.seed)).values

    @cached_property
    def good(self) -> tuple[GoodAgreement, GoodAgreement, GoodAgreement]:
        """Agreement among the best three quarters, the better half and the best quarter of the models."""
        most, half, quarter = agreement_curve(self.analysis.cleaning.board, (0.75, HALF, 0.25))
        return most, half, quarter

    @cached_property
    def second_panel(self) -> Panel | None:
        """The panel with the most benchmarks, where it is another one than the poster's board."""
        board = self.analysis.cleaning.board
        found = largest_benchmarks(panels(self.analysis.cleaning.considered))
        return None if found is None or set(found.leaves) == set(board.leaves) else found
