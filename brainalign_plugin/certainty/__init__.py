"""Uncertainty of figures and ranks: by papers, by families of models, and by the cleaning."""
