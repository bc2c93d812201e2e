"""Set a process up before it loads anything: standard streams, threads of linear algebra, collection of garbage."""

from __future__ import annotations

import atexit
import functools
import gc
import os
import sys

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


def open_standard_streams() -> None:
    """Open the null device in place of standard streams that are closed (``2>&-`` in a crontab).

    Otherwise the next file that is opened takes the number of the closed stream, and messages are written into it.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            null = os.open(os.devnull, os.O_RDWR)
            if null != number:
                os.dup2(null, number)
                os.close(null)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115
