"""Integration with an installed Brain-Score: the link and the meta-benchmarks."""
