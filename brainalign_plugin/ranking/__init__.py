"""Ranking of models under schemes, with resampling and comparison of schemes."""
