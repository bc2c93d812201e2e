"""How a process of ours is set up before it loads anything: threads of linear algebra, and collection of garbage."""

from __future__ import annotations

import atexit
import functools
import gc
import os

# Read when numpy is loaded. Matrices of a board are small: several threads spend most of their time waiting for each
# other, and add up in an order that depends on the machine. `--jobs` shares work out all the same.
_ONE_THREAD = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
# Python looks for garbage whenever 700 more objects live than at the last time, which a board, a library or a page
# brings a hundred times over, all of it in use: a seventh of a run went into looking.
_GARBAGE = (200_000, 30, 30)


@functools.cache
def set_up() -> None:
    """Set this process up, once; who started it may have chosen other threads."""
    for name in _ONE_THREAD:
        os.environ.setdefault(name, "1")
    gc.set_threshold(*_GARBAGE)
    # At the end all memory is given back at once: no need to look through it once more, which takes half a second.
    atexit.register(gc.freeze)
