"""Agreement of benchmarks, and the share of each in the average."""
