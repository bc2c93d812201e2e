"""Functions for notebooks: load, agreement, rank, certainty, freeze, place, audit, timeline."""
