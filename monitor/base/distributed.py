"""Backends for resampling: this machine, or an existing Dask cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from brainalign_plugin.errors import InputError


@contextmanager
def computing_on(backend: str, scheduler: str | None = None) -> Iterator[None]:
    """Send joblib's work to a backend, ``local`` or ``dask`` with a scheduler; the numbers do not depend on it.

    Raises InputError if Dask is not installed, or no scheduler is named or answers.
    """
    if backend == "local":
        if scheduler is not None:
            raise InputError(f"the Dask scheduler {scheduler!r} was named without --backend dask; add it")
        yield
        return
    if scheduler is None:
        raise InputError(
            "--backend dask needs an existing cluster; name it with --dask-scheduler tcp://HOST:PORT"
        )
    try:
        from distributed import Client
    except ImportError as cause:
        raise InputError("Dask is not installed; `pip install 'distributed>=2024.5'` brings it") from cause
    import joblib

    try:
        client = Client(scheduler, timeout="10s", set_as_default=True)
    except (OSError, ValueError) as cause:
        raise InputError(
            f"no Dask scheduler answers at {scheduler!r}; check that the cluster runs ({cause})"
        ) from cause
    with client, joblib.parallel_config(backend="dask"):
        yield
