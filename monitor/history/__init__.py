"""What is watched over time: changes, series of figures, and why a figure changed."""
