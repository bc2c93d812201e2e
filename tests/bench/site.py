"""Time to build the site: ``python -m tests.bench.site PAYLOAD --from 2022-01-15`` publishes a payload's monthly past.

The past of all months but the first is published, then that of all months: the second one is a site after one more
board. At last all is published again with an empty cache and compared byte by byte.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path


def brainalign(home: Path, *words: str) -> str:
    """Run a command of BrainAlign; return its wall-clock and its CPU seconds in words."""
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "brainalign_monitor", "--home", str(home), *words]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
    return f"{time.perf_counter() - began:.1f} s, {cpu:.1f} s of CPU"


def files(folder: Path) -> dict[str, bytes]:
    """Return the content of all files of a site, by path."""
    current = (folder / "current").resolve()
    return {str(path.relative_to(current)): path.read_bytes() for path in current.rglob("*") if path.is_file()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("payload", type=Path)
    parser.add_argument("--from", dest="first", type=date.fromisoformat, default=date(2022, 1, 15))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder, "home")
        brainalign(home, "fetch", str(options.payload.resolve()))
        brainalign(home, "backfill", "--from", str(options.first + timedelta(days=31)))
        print("first site:", brainalign(home, "publish", "--output", f"{folder}/site"))
        brainalign(home, "backfill", "--from", str(options.first))
        print("after one more board:", brainalign(home, "publish", "--output", f"{folder}/site"))
        shutil.rmtree(home / "cache")
        print("without a cache:", brainalign(home, "publish", "--output", f"{folder}/again"))
        one, other = files(Path(folder, "site")), files(Path(folder, "again"))
        size = sum(map(len, one.values())) / 1e6
        print(f"{len(one)} files, {size:.0f} MB, {'the same bytes' if one == other else 'OTHER BYTES'}")


if __name__ == "__main__":
    main()
