# %% [markdown]
# # A leaderboard of another field, from CSV to report
# Any table of models × benchmarks works; a column `group/benchmark` makes the tree, here two kinds of tasks.

# %%
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

import brainalign_plugin as ba

rng = np.random.default_rng(0)
systems = [f"system {number}" for number in range(1, 13)]
tasks = [
    "classification/sentiment/Wang2018-sst",
    "classification/sentiment/Socher2013-mr",
    "classification/inference/Bowman2015-nli",
    "classification/inference/Williams2018-nli",
    "reading/Rajpurkar2016-qa",
    "reading/Joshi2017-qa",
]
skill = rng.normal(0.6, 0.1, (len(systems), 1))
scores = (skill + rng.normal(0, 0.06, (len(systems), len(tasks)))).clip(0, 1).round(3)
table = pd.DataFrame(scores, index=systems, columns=tasks)

# %%
board = ba.Board.from_frame(table, domain="language_tasks")
print(board)
print(ba.agreement(board))
print(ba.rank(board, ["HIER", "ZMEAN", "COPELAND"]))
print(ba.certainty(board).title)

# %% [markdown]
# The whole report of the table. In a shell: `brainalign report table.csv --title "Language tasks"`.
# Questions that need neural and behavioural benchmarks are named at its end, under "Not answered here".

# %%
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder, "table.csv")
    table.to_csv(path)
    print(ba.load(path))
    command = ["-m", "brainalign_monitor", "report", path, "--title", "Language tasks", "--output", "report.html"]
    subprocess.run([sys.executable, *command], cwd=folder, check=True)
    print(Path(folder, "report.html").stat().st_size > 0)
