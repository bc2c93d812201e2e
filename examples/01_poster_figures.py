# %% [markdown]
# # The poster's figures from a payload
# How far do the benchmarks agree, and how much of the average is behaviour?
# Give the file that the site serves as argument; without one a made-up board is used.

# %%
import sys

import brainalign_plugin as ba

board = ba.load(sys.argv[1]) if len(sys.argv) > 1 else ba.example()
board

# %%
log = board.clean(max_missing=0.5).log
print(log)

# %%
agreement = ba.agreement(board)
print(agreement)
print(agreement.interval(0.95, seed=0))
agreement.plot.heatmap()

# %% [markdown]
# The same over the models that each pair has in common, and over time.

# %%
print(ba.agreement(board, pairwise=True, min_overlap=10).title)
timeline = ba.timeline([board.as_of("2023-01-01"), board])
print(timeline.to_frame()[["models", "mean_rho", "r2_behavior", "null_r2_behavior"]])
timeline.plot.figures()
