# %% [markdown]
# # Where does my model stand?
# Freeze a board once; then any model is placed on it, and two models placed later can be compared.

# %%
import sys

import brainalign_plugin as ba

board = ba.load(sys.argv[1]) if len(sys.argv) > 1 else ba.example()
reference = ba.freeze(board, "base")

# %% [markdown]
# Scores by benchmark: `"X"` has FAILED, and what is not named was never run.

# %%
mine = dict.fromkeys(board.leaves[: len(board.leaves) * 3 // 4], 0.45)
mine[board.leaves[0]] = "X"
place = ba.place(mine, reference, seed=0)
print(place)
print(place.missing)
place.plot.profile()

# %% [markdown]
# A model of the board by its id, without itself.

# %%
print(ba.place(board.ids[0], reference, schemes=["HIER", "ZMEAN"]).to_frame())
