"""The bridge to an installed Brain-Score: the link and the meta-benchmarks."""
