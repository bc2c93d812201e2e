"""The link, on made-up packages: what Brain-Score makes of it is tried in meta_benchmarks/test_native.py."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from brainalign_plugin.brainscore import link as linking
from brainalign_plugin.brainscore.link import LinkState, domains_here, link, link_status, unlink
from brainalign_plugin.brainscore.registration import identifiers, registration, version_of, write_submission
from brainalign_plugin.errors import LinkError
from brainalign_plugin.placement.place import placeable_schemes
from tests.commands import brainalign
from tests.conftest import ROOT
from tests.plugin.placement.test_place import small_reference

PACKAGE = "brainscore_vision_of_this_test"


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package with two plugins. Under a name of its own: the installed brainscore_vision is never in reach."""
    folder = tmp_path / "site" / PACKAGE
    for name in ("majajhong2015", "_private"):
        plugin = folder / "benchmarks" / name
        plugin.mkdir(parents=True)
        (plugin / "__init__.py").write_text("benchmark_registry['MajajHong2015.IT-pls'] = object\n")
    (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.setitem(linking.PACKAGES, "vision", PACKAGE)
    monkeypatch.setitem(linking.PACKAGES, "language", "no_such_package_here")
    monkeypatch.setattr(linking, "_version", lambda _: "2.4.2")
    yield folder
    assert PACKAGE not in sys.modules, "the package was imported, which takes seconds"


@pytest.fixture
def record(tmp_path):
    return tmp_path / "home" / "link.json"


def tree(folder):
    return {
        str(path.relative_to(folder)): path.readlink() if path.is_symlink() else path.is_dir() or path.read_bytes()
        for path in sorted(folder.rglob("*"))
    }


def test_there_and_back(package, record):
    before = tree(package)
    assert link_status(record).state is LinkState.ABSENT
    assert link_status(record).next_step == "run `brainalign link`"
    status = link(record)
    assert status.ok
    assert status.folder == package / "benchmarks" / "brainalign"
    assert status.version == "2.4.2"
    linked = status.folder
    assert [path.name for path in linked.iterdir()] == ["__init__.py"]
    text = (linked / "__init__.py").read_text()
    assert 'benchmark_registry["Ahlert2024-flat"] = lambda: MetaBenchmark("Ahlert2024-flat", "vision")' in text
    assert text == registration("vision", identifiers())
    assert stat.S_IMODE(linked.stat().st_mode) == 0o755
    assert tree(package).keys() - before.keys() == {
        str(path.relative_to(package)) for path in (linked, *linked.iterdir())
    }
    assert unlink(record).state is LinkState.ABSENT
    assert tree(package) == before


def test_linking_twice_changes_nothing(package, record):
    link(record)
    (made,) = [path for path in (package / "benchmarks").iterdir() if path.name == "brainalign"]
    at, said = made.stat().st_mtime_ns, record.read_bytes()
    assert link(record).ok
    assert (made.stat().st_mtime_ns, record.read_bytes()) == (at, said)


def test_unlinking_without_a_link(package, record):
    before = tree(package)
    assert unlink(record).state is LinkState.ABSENT
    assert tree(package) == before


def test_what_python_compiled_goes_too(package):
    before = tree(package)
    link()
    (package / "benchmarks/brainalign/__pycache__").mkdir()
    (package / "benchmarks/brainalign/__pycache__/benchmark.cpython-311.pyc").write_bytes(b"1")
    assert link_status().ok
    unlink()
    assert tree(package) == before


def test_a_link_that_is_gone_is_noticed(package, record, monkeypatch):
    link(record)
    linking._remove(package / "benchmarks/brainalign")
    monkeypatch.setattr(linking, "_version", lambda _: "2.5.0")
    status = link_status(record)
    assert status.state is LinkState.GONE
    assert "(then 2.4.2, now 2.5.0) is gone, as after an upgrade" in status.message
    assert link_status().state is LinkState.ABSENT, "without a record nobody can know"
    assert link(record).ok
    unlink(record)
    assert link_status(record).state is LinkState.ABSENT


def test_two_environments_share_a_home(package, record, tmp_path, monkeypatch):
    link(record)
    other = tmp_path / "other" / "another_one" / "benchmarks"
    other.mkdir(parents=True)
    (other.parent / "__init__.py").touch()
    with monkeypatch.context() as patch:
        patch.syspath_prepend(str(tmp_path / "other"))
        patch.setitem(linking.PACKAGES, "vision", "another_one")
        assert link_status(record).state is LinkState.ABSENT
        link(record)
        unlink(record)
    linking._remove(package / "benchmarks/brainalign")
    assert link_status(record).state is LinkState.GONE


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"links": 3}', '{"links": {"a": []}}', "\xff"])
def test_a_damaged_record_is_as_good_as_none(package, record, text):
    record.parent.mkdir()
    record.write_bytes(text.encode("latin-1"))
    assert link_status(record).state is LinkState.ABSENT
    assert link(record).ok
    assert json.loads(record.read_text())["links"][str(package / "benchmarks/brainalign")] == "2.4.2"


@pytest.mark.parametrize("what", ["folder", "file", "link", "dangling", "with a file of theirs", "damaged marker"])
def test_nothing_else_is_overwritten(package, record, what, tmp_path):
    place = package / "benchmarks/brainalign"
    if what == "folder":
        place.mkdir()
        (place / "__init__.py").write_text("mine = 1\n")
    elif what == "file":
        place.write_text("mine")
    elif what in ("link", "dangling"):
        (tmp_path / "elsewhere").mkdir()
        place.symlink_to(tmp_path / ("elsewhere" if what == "link" else "nowhere"))
    else:
        link()
        if what == "damaged marker":
            (place / "__init__.py").write_text("# " + (place / "__init__.py").read_text())
        else:
            (place / "notes.txt").write_text("mine")
    before = tree(package)
    for change in (link, unlink):
        with pytest.raises(LinkError, match="was not made by `brainalign link`"):
            change(record)
    assert link_status(record).state is LinkState.FOREIGN
    assert tree(package) == before
    assert not record.exists()


def test_a_link_of_another_brainalign_is_renewed(package):
    link()
    file = package / "benchmarks/brainalign/__init__.py"
    file.write_text(registration("vision", identifiers()[:3]))
    assert link_status().state is LinkState.OUTDATED
    assert "is of another brainalign" in link_status().message
    assert link_status().next_step == "run `brainalign link`"
    assert link().ok
    assert file.read_text() == registration("vision", identifiers())


def test_each_domain_has_a_link_of_its_own(package, record, tmp_path, monkeypatch):
    other = tmp_path / "site" / "brainscore_language_of_this_test"
    (other / "benchmarks").mkdir(parents=True)
    (other / "__init__.py").touch()
    monkeypatch.setitem(linking.PACKAGES, "language", other.name)
    assert domains_here() == ("vision", "language")
    assert link(record).ok
    assert link_status(record, "language").state is LinkState.ABSENT
    assert link(record, "language").folder == other / "benchmarks/brainalign"
    text = (other / "benchmarks/brainalign/__init__.py").read_text()
    assert "from brainscore_language import benchmark_registry" in text
    assert 'lambda: MetaBenchmark("BrainAlign2026-hier", "language")' in text
    unlink(record)
    assert link_status(record, "language").ok
    assert not (package / "benchmarks/brainalign").exists()
    # One that cannot be linked keeps no other from it.
    unlink(record, "language")
    (package / "benchmarks/brainalign").mkdir()
    ended = brainalign("link", home=tmp_path / "home")
    assert ended.code == 8
    assert "finds" in ended.out
    assert link_status(record, "language").ok


def test_identifiers_that_another_folder_has(package, record):
    (package / "benchmarks/ahlert2024").mkdir()
    theirs = package / "benchmarks/ahlert2024/__init__.py"
    theirs.write_text("""# benchmark_registry["Ahlert2024-flat"] = soon\nbenchmark_registry['Ahlert2024-rank'] = 1\n""")
    before = tree(package)
    with pytest.raises(LinkError, match="'Ahlert2024-flat' and 1 more in its folder 'ahlert2024' already"):
        link(record)
    assert tree(package) == before
    theirs.rename(package / "benchmarks/ahlert2024/other.py")
    link(record)
    (package / "benchmarks/ahlert2024/other.py").rename(theirs)
    assert link_status(record).state is LinkState.OUTDATED
    assert link_status(record).next_step == "`brainalign unlink` takes ours away"


def test_a_folder_that_cannot_be_written(package, record, monkeypatch):
    def refuse(*_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(linking.tempfile, "mkdtemp", refuse)
    with pytest.raises(LinkError, match=r"cannot change '.*benchmarks': Permission denied; use a virtual environment"):
        link(record)
    assert not record.exists()
    monkeypatch.setattr(linking.os, "access", lambda *_: False)
    assert "cannot be written to: use a virtual environment" in link_status(record).next_step


@contextmanager
def as_nobody():
    """Root may write everywhere, so as somebody else if these tests run as root."""
    if os.geteuid() != 0:
        yield
        return
    os.setresuid(65534, 65534, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


def test_a_read_only_folder(package, record):
    # pytest's own folders are closed to others.
    open_to_all = Path(tempfile.mkdtemp())
    moved = shutil.move(package.parent, open_to_all / "site")
    try:
        open_to_all.chmod(0o755)
        sys.path.insert(0, str(moved))
        folder = moved / PACKAGE / "benchmarks"
        folder.chmod(0o555)
        before = tree(moved)
        with as_nobody():
            status = link_status()
            with pytest.raises(LinkError, match=r"cannot change '.*': Permission denied; use a virtual env"):
                link()
        assert status.state is LinkState.ABSENT
        assert status.next_step.startswith(f"{str(folder)!r} cannot be written to: use a virtual environment")
        assert tree(moved) == before
    finally:
        sys.path.remove(str(moved))
        (moved / PACKAGE / "benchmarks").chmod(0o755)
        shutil.rmtree(open_to_all)


def test_what_a_crash_left_is_cleared(package, record, monkeypatch):
    before = tree(package)

    def crash(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(linking.Path, "write_text", crash)
        with pytest.raises(KeyboardInterrupt):
            link(record)
    assert tree(package) == before
    (package / "benchmarks" / f"{linking._UNFINISHED}x").mkdir()
    link(record)
    unlink(record)
    assert tree(package) == before


def test_a_record_that_cannot_be_written(package, tmp_path):
    (tmp_path / "home").write_text("a file")
    with pytest.raises(LinkError, match=r"the link is as asked for, but .* cannot be written"):
        link(tmp_path / "home" / "link.json")
    assert link_status().ok


def test_without_brainscore(monkeypatch, record):
    monkeypatch.setitem(linking.PACKAGES, "vision", "no_such_package_here")
    status = link_status(record)
    assert status.state is LinkState.NO_BRAINSCORE
    assert "pip install 'brainscore-vision>=2.4'" in status.next_step
    assert unlink(record).state is LinkState.NO_BRAINSCORE
    with pytest.raises(LinkError, match=r"pip install 'brainscore-vision>=2\.4'"):
        link(record)


def test_a_package_that_cannot_be_found(monkeypatch, record):
    # What python makes of a module that somebody put into sys.modules by hand.
    monkeypatch.setitem(sys.modules, PACKAGE, type(sys)(PACKAGE))
    monkeypatch.setitem(linking.PACKAGES, "vision", PACKAGE)
    assert link_status(record).next_step == "reinstall brainscore-vision"
    for change in (link, unlink):
        with pytest.raises(LinkError, match="cannot be found"):
            change(record)


def test_a_package_without_benchmarks(monkeypatch, tmp_path, record):
    (tmp_path / "namespace_of_this_test").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(linking.PACKAGES, "vision", "namespace_of_this_test")
    assert link_status(record).state is LinkState.NO_BRAINSCORE
    for change in (link, unlink):
        with pytest.raises(LinkError, match="has no folder of benchmarks; reinstall brainscore-vision"):
            change(record)


@pytest.mark.parametrize(
    ("repository", "requirement"),
    [
        ("https://example.org/lab/brainalign", "brainalign @ git+https://example.org/lab/brainalign"),
        (
            "https://example.org/brainalign-1-py3-none-any.whl",
            "brainalign @ https://example.org/brainalign-1-py3-none-any.whl",
        ),
        ("git@example.org:lab/brainalign.git", "brainalign @ git+ssh://git@example.org/lab/brainalign.git"),
        ("git+https://example.org/lab/brainalign@v1", "brainalign @ git+https://example.org/lab/brainalign@v1"),
        (str(ROOT), f"brainalign @ {ROOT.as_uri()}"),
    ],
)
def test_a_submission_is_one_folder(tmp_path, repository, requirement):
    reference = small_reference()
    folder, step = write_submission(tmp_path / "plugin", reference, repository)
    assert sorted(path.name for path in folder.iterdir()) == [
        *("__init__.py", "metadata.yaml", "requirements.txt", "small.reference.json.gz", "test.py")
    ]
    assert (folder / "requirements.txt").read_text() == f"{requirement}\n"
    assert ("--repository" in step) is repository.startswith("/")
    text = (folder / "__init__.py").read_text()
    names = re.findall(r'benchmark_registry\["(.+)"\] = ', text)
    assert names == ["Ahlert2024-flat", "Ahlert2024-zmean", "Ahlert2024-rank", "BrainAlign2026-hier_ref_normal"]
    assert 'Path(__file__).parent / "small.reference.json.gz"' in text
    assert "unlink" not in text, "it removes what `link` made"
    assert reference.sha256 in (folder / "metadata.yaml").read_text()
    with pytest.raises(LinkError, match="has files already"):
        write_submission(folder, reference, repository)
    with pytest.raises(LinkError, match=r"no file or folder 'brainalign\.whl'; name the address"):
        write_submission(tmp_path / "other", reference, "brainalign.whl")


def test_a_new_freeze_is_a_new_version():
    reference = small_reference()
    later = replace(reference, frozen_at=reference.frozen_at + timedelta(seconds=1))
    assert version_of(later) > version_of(reference) > version_of(None)
    assert version_of(replace(reference, frozen_at=datetime(2087, 1, 1, tzinfo=UTC))) < 2**31


def test_identifiers_are_those_of_the_schemes_that_can_place():
    poster = {"flat", "zmean", "rank"}
    expected = {
        ("Ahlert2024-" if name.lower() in poster else "BrainAlign2026-") + name.lower() for name in placeable_schemes()
    }
    assert set(identifiers()) == expected
    assert len(identifiers()) == len(set(identifiers()))
