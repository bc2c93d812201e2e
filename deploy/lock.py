"""Write ``requirements.lock`` beside this file: every package of the monitor, its version, the hashes of its wheels.

``make lock`` runs it, for Python 3.12 on Linux (x86-64 and ARM, glibc 2.28 or later), from what setup.cfg asks for. pip
refuses whatever has another hash: ``pip install --require-hashes --requirement deploy/requirements.lock``.
"""

from __future__ import annotations

import configparser
import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
EXTRAS = ("postgres", "notify")
MACHINES = ("x86_64", "aarch64")
GLIBC = ("2_28", "2_27", "2_26", "2_24", "2_17")


def wanted() -> list[str]:
    """Return what is asked for: the monitor's own requirements, those of the extras, and what builds it."""
    settings = configparser.ConfigParser(interpolation=None)
    settings.read(HERE.parent / "setup.cfg", encoding="utf-8")
    texts = [settings["options"]["install_requires"]]
    texts += [settings["options.extras_require"][extra] for extra in EXTRAS]
    lines = [line.strip() for text in texts for line in text.splitlines()]
    return [line for line in lines if line and not line.startswith("#")] + ["setuptools>=77"]


def resolved(machine: str) -> dict[str, tuple[str, str]]:
    """Return the version and the hash of the wheel of each package, as pip chooses them for a machine."""
    platforms = [f"--platform=manylinux_{glibc}_{machine}" for glibc in GLIBC]
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--ignore-installed", "--report=-"]
    command += ["--only-binary=:all:", "--python-version=3.12", "--implementation=cp", "--target=unused"]
    done = subprocess.run(  # noqa: S603 -- pip, with what setup.cfg asks for
        [*command, *platforms, f"--platform=manylinux2014_{machine}", *wanted()], stdout=-1, check=True
    )
    found = {}
    for package in json.loads(done.stdout)["install"]:
        name = package["metadata"]["name"].lower().replace("_", "-")
        found[name] = (package["metadata"]["version"], package["download_info"]["archive_info"]["hashes"]["sha256"])
    return found


def main() -> None:
    """Write the file."""
    if sys.version_info[:2] != (3, 12):
        raise SystemExit("pip asks the running Python what a package needs; run this with Python 3.12")
    both = [resolved(machine) for machine in MACHINES]
    lines = ["# Written by `make lock`; see deploy/lock.py.\n"]
    for name in sorted({name for one in both for name in one}):
        versions = {one[name][0] for one in both if name in one}
        if len(versions) > 1:
            raise SystemExit(f"{name} has another version on another machine: {versions}")
        hashes = sorted({one[name][1] for one in both if name in one})
        lines.append(
            " \\\n".join([f"{name}=={versions.pop()}", *(f"    --hash=sha256:{one}" for one in hashes)]) + "\n"
        )
    (HERE / "requirements.lock").write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
