# %% [markdown]
# # Is my new benchmark confirmatory?
# Does it say what the others say already, or something of its own?

# %%
import sys

import numpy as np

import brainalign_plugin as ba

board = ba.load(sys.argv[1]) if len(sys.argv) > 1 else ba.example()
cleaned = board.clean().board
frame = cleaned.to_frame()
frame.index = [f"{model.name} ({model.id})" for model in cleaned.models]

# %% [markdown]
# The new benchmark, made up: the mean of the others with noise. Groups keep the tree of the board.

# %%
noise = np.random.default_rng(0).normal(0, 0.03, len(frame))
frame["Mine2026-match"] = (frame.mean(axis=1) + noise).clip(0, 1)
groups = {leaf: "/".join(cleaned.tree.path(leaf)[1:-1]).replace("_vision", "") for leaf in cleaned.leaves}
extended = ba.Board.from_frame(frame, groups=groups | {"Mine2026-match": "behavior"})

# %%
agreement = ba.agreement(extended)
own = agreement.pairs.to_frame().query("one == 'Mine2026-match' or other == 'Mine2026-match'")
print(own.head())
print(f"mean correlation with the others {own['rho'].mean():+.3f}, of all pairs {agreement.found.all_pairs.mean:+.3f}")

# %% [markdown]
# The verdict: its correlation with the average of the others, with an interval over families of models.

# %%
print(ba.new_benchmarks(extended, ["Mine2026-match"]).to_frame().iloc[0])

# %% [markdown]
# What becomes of the ranks without it, and which scheme predicts it best?

# %%
print(ba.audit(extended, "HIER", properties=["influence"])["HIER"].influence.head())
print(ba.validity(extended, ["HIER", "ZMEAN", "RANK"], resamples=200).papers["Mine2026"])
