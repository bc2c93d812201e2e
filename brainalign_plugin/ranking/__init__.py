"""Models ranked under schemes, with resampling and comparison."""
