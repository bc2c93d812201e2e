"""The verbs of a notebook: load, agreement, rank, certainty, freeze, place, audit, timeline."""
