# %% [markdown]
# # A leaderboard of another field, from CSV to ranks
# Any table of models × benchmarks works; groups are paths, here two kinds of tasks.

# %%
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

import brainalign_plugin as ba

rng = np.random.default_rng(0)
systems = [
    "bert",
    "roberta",
    "electra",
    "gpt",
    "llama",
    "mistral",
    "falcon",
    "t5",
    "bloom",
    "opt",
    "phi",
    "gemma",
]
tasks = {
    "Wang2018-sst": "classification/sentiment",
    "Socher2013-mr": "classification/sentiment",
    "Bowman2015-nli": "classification/inference",
    "Williams2018-nli": "classification/inference",
    "Rajpurkar2016-qa": "reading",
    "Joshi2017-qa": "reading",
}
skill = rng.normal(0.6, 0.1, (len(systems), 1))
table = pd.DataFrame(
    (skill + rng.normal(0, 0.06, (len(systems), len(tasks)))).clip(0, 1).round(3),
    index=systems,
    columns=list(tasks),
)

# %%
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder, "table.csv")
    table.to_csv(path)
    print(ba.load(path))
board = ba.Board.from_frame(table, groups=tasks, domain="language_tasks")
print(board)

# %%
print(ba.agreement(board))
print(ba.rank(board, ["HIER", "ZMEAN", "COPELAND"]))
print(ba.certainty(board).title)

# %%
with tempfile.TemporaryDirectory() as folder:
    print(ba.agreement(board).plot.heatmap().save(Path(folder, "agreement.json")).name)
