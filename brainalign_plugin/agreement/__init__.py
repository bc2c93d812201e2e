"""Agreement of benchmarks, dimensions, and the weight of each benchmark in the average."""
