"""Agreement of benchmarks, and the shares of each in the average."""
