# %% [markdown]
# # A scheme of one's own, ranked and audited

# %%
import sys

import numpy as np
from scipy.stats import trim_mean

import brainalign_plugin as ba

board = ba.load(sys.argv[1]) if len(sys.argv) > 1 else ba.example()


# %%
@ba.scheme("TRIMMED", missing="skip", overwrite=True)
def trimmed(scores):
    """Mean of the scores without the lowest and the highest tenth."""
    return np.asarray(trim_mean(scores, 0.1, axis=1))


ranks = ba.rank(board, ["HIER", "RANK", trimmed], seed=0)
print(ranks)
print(ranks.compare())
ranks.plot.bump()

# %% [markdown]
# Which pairs of models change places when a third one leaves, or when a benchmark is rescaled?

# %%
audit = ba.audit(board, ["HIER", trimmed], properties=("iia", "scale", "monotonicity"))
print(audit)
print(audit["TRIMMED"].scale.by_benchmark.head())
print(audit["TRIMMED"].monotonicity.witnesses)
