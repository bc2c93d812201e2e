"""The link in installations of other kinds: a clone, an upgrade by pip, a folder that is submitted."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
import venv
import zipfile
from pathlib import Path

import pytest

from brainalign_plugin.brainscore.registration import identifiers
from brainalign_plugin.files.reference_file import reference_path, write_reference
from tests.conftest import ROOT
from tests.plugin.brainscore.meta_benchmarks.conftest import tiny_reference
from tests.plugin.brainscore.meta_benchmarks.environment import Environment, borrow_brainscore, borrow_packages

needs_brainscore = pytest.mark.needs("brainscore")


@pytest.fixture
def bare(tmp_path):
    """A virtual environment with this source of brainalign's plugin and its libraries, without any Brain-Score."""
    venv.create(tmp_path / "venv", with_pip=False, symlinks=True)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    made = Environment(tmp_path, tmp_path / "venv" / "lib" / version / "site-packages")
    (tmp_path / "plugin").mkdir()
    (tmp_path / "plugin/brainalign_plugin").symlink_to(ROOT / "brainalign_plugin")
    present = {path.name for place in sys.path if place.endswith("site-packages") for path in Path(place).iterdir()}
    borrow_packages(tmp_path / "borrowed", {name for name in present if name.startswith("brainscore")})
    (made.site / "plugin.pth").write_text(f"{tmp_path / 'plugin'}\n{tmp_path / 'borrowed'}\n", encoding="utf-8")
    return made


def pip(environment, *arguments):
    command = (sys.executable, "-m", "pip", "--python", environment.python, "--disable-pip-version-check")
    return environment.run(*command, *arguments).succeeded()


def brainscore_wheel(folder: Path, version: str) -> Path:
    """A wheel of that name with one plugin: what pip does with its files is all that is asked."""
    path = folder / f"brainscore_vision-{version}-py3-none-any.whl"
    about = f"brainscore_vision-{version}.dist-info"
    files = {
        "brainscore_vision/__init__.py": f"release = {version!r}\n",
        "brainscore_vision/benchmarks/__init__.py": "",
        "brainscore_vision/benchmarks/majajhong2015/__init__.py": "benchmark_registry['MajajHong2015-x'] = 1\n",
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: brainscore-vision\nVersion: {version}\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},,\n" for name in (*files, f"{about}/RECORD"))
    with zipfile.ZipFile(path, "w") as wheel:
        for name, text in (files | {f"{about}/RECORD": record}).items():
            wheel.writestr(name, text)
    return path


CODE = """
    import json, sys
    from pathlib import Path
    from brainalign_plugin.brainscore import link as linking
    record = Path(sys.prefix).parent / 'home/link.json'
    status = getattr(linking, {call!r})(record)
    print(json.dumps([status.state.value, status.version, status.message, status.next_step]))
"""


def linking(environment, call):
    ended = environment.python_runs(CODE.format(call=call)).succeeded()
    return json.loads(ended.out)


def test_what_pip_does_to_the_link(bare, tmp_path):
    """pip leaves what it did not install, so the link outlives an upgrade; a new environment does not have it."""
    old, new = (brainscore_wheel(tmp_path, version) for version in ("2.4.2", "2.5.0"))
    install = ("install", "--quiet", "--no-deps", "--no-index")
    pip(bare, *install, old)
    assert linking(bare, "link_status")[0] == "not linked"
    assert linking(bare, "link")[:2] == ["linked", "2.4.2"]
    pip(bare, *install, "--upgrade", new)
    assert linking(bare, "link_status")[:2] == ["linked", "2.5.0"]

    pip(bare, "uninstall", "--quiet", "--yes", "brainscore-vision")
    assert (bare.package / "benchmarks/brainalign").is_dir()
    state, _, message, step = linking(bare, "link_status")
    assert (state, message) == (
        "no Brain-Score",
        "brainscore-vision was uninstalled and the link is what is left of it",
    )
    assert step == "install it again, or take the link away with `brainalign unlink`"
    assert linking(bare, "unlink")[2] == "brainscore-vision is not installed for this Python"
    assert not bare.package.exists()

    pip(bare, *install, old)
    linking(bare, "link")
    shutil.rmtree(bare.package)
    pip(bare, *install, "--force-reinstall", new)
    state, version, message, step = linking(bare, "link_status")
    assert (state, version, step) == ("gone", "2.5.0", "run `brainalign link`")
    assert "(then 2.4.2, now 2.5.0) is gone, as after an upgrade" in message
    assert linking(bare, "link")[0] == "linked"


def _clone(folder: Path) -> Path:
    """A clone of Brain-Score's repository, as far as pip and its plugins see it."""
    clone = folder / "clone"
    clone.mkdir()
    borrow_brainscore(clone / "brainscore_vision")
    (clone / "pyproject.toml").write_text(
        textwrap.dedent(
            """
            [build-system]
            requires = ["setuptools"]
            build-backend = "setuptools.build_meta"
            [project]
            name = "brainscore-vision"
            version = "2.4.99"
            [tool.setuptools]
            packages = ["brainscore_vision"]
            """
        )
    )
    return clone


@needs_brainscore
def test_an_editable_clone(environment, tmp_path):
    """The link goes into the clone that the interpreter imports, and the clone is afterwards as it was."""
    clone = _clone(tmp_path)
    before = environment.tree()
    away = environment.package.rename(environment.site / "_brainscore_vision")
    editable = ("install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--editable", clone)
    try:
        pip(environment, *editable)
        files = {str(path.relative_to(clone)) for path in clone.rglob("*") if "__pycache__" not in path.parts}
        assert environment.brainalign("link", "--check").code == 8
        said = environment.brainalign("link").succeeded().out
        assert said.startswith("linked: brainscore_vision 2.4.99 finds")
        assert (clone / "brainscore_vision/benchmarks/brainalign/__init__.py").is_file()
        code = "import brainscore_vision as b; print(b.load_benchmark('BrainAlign2026-ref_zmean').identifier)"
        assert environment.python_runs(code).succeeded().out.endswith("BrainAlign2026-ref_zmean\n")
        environment.brainalign("unlink").succeeded()
        left = {str(path.relative_to(clone)) for path in clone.rglob("*") if "__pycache__" not in path.parts}
        assert left == files
    finally:
        pip(environment, "uninstall", "--quiet", "--yes", "brainscore-vision")
        away.rename(environment.package)
    assert environment.tree() == before


def _conda(folder: Path, borrowed: Path) -> Path:
    """Stand-in for conda: its environments are virtual ones without brainalign, in which pip installs offline."""
    folder.mkdir()
    made = folder / "envs" / "$3"
    hook = f"""
        conda() {{
            case "$1" in
            create)
                {sys.executable} -m venv --without-pip {made} || return 1
                for lib in {made}/lib/python*; do echo {borrowed} >$lib/site-packages/borrowed.pth; done
                for tool in pip pytest; do
                    printf '#!/bin/sh\\nexec %s/bin/python -m %s "$@"\\n' {made} $tool >{made}/bin/$tool
                    chmod +x {made}/bin/$tool
                done ;;
            activate) export PATH={folder}/envs/$2/bin:$PATH ;;
            esac
        }}
    """
    (folder / "hook").write_text(textwrap.dedent(hook))
    script = f'#!/bin/sh\n[ "$1" = info ] && echo {folder}\n[ "$1" = shell.bash ] && cat {folder}/hook\nexit 0\n'
    (folder / "conda").write_text(script)
    (folder / "conda").chmod(0o755)
    return folder


@needs_brainscore
def test_the_folder_as_it_would_be_submitted(environment, tmp_path):
    """It is a plugin like any other: its tests pass, and its reference is its own."""
    folder = environment.package / "benchmarks/ahlert2024"
    path = write_reference(reference_path(tmp_path, "tiny"), tiny_reference())
    (wheel,) = environment.folder.glob("*.whl")
    written = environment.brainalign(
        "link", "--submission", folder, "--reference", path, "--repository", wheel
    ).succeeded()
    assert written.out.startswith(f"written: {folder}, with the reference tiny")
    try:
        assert (folder / "requirements.txt").read_text() == f"brainalign @ {wheel.as_uri()}\n"
        tests = (environment.python, "-m", "pytest", "-q", "-p", "no:cacheprovider", folder / "test.py")
        found = environment.run(*tests, variables={"BS_INSTALL_DEPENDENCIES": "no"})
        assert "4 passed" in found.succeeded().out
        code = """
            import json, sys, types
            from pathlib import Path
            import brainscore_vision
            # Only Brain-Score's own extra for tests brings it, and the tests here do not use it.
            sys.modules.setdefault('pytest_check', types.ModuleType('pytest_check'))
            from brainscore_core.plugin_management.handle_metadata import validate_metadata_file
            from brainscore_core.plugin_management.parse_plugin_changes import get_plugin_ids, get_test_file_paths
            root = Path(brainscore_vision.__file__).parent
            folder = root / 'benchmarks' / 'ahlert2024'
            errors, data = validate_metadata_file(folder / 'metadata.yaml')
            ids = get_plugin_ids('benchmarks', ['ahlert2024'], str(root))
            tests = [Path(path).name for path in get_test_file_paths(folder)]
            print(json.dumps([errors, sorted(data['benchmarks']), ids, tests]))
        """
        shown = environment.python_runs(code).succeeded().out.splitlines()[-1]
        errors, described, registered, files = json.loads(shown)
        assert errors == []
        assert described == sorted(registered)
        assert len(registered) == 4
        assert files == ["test.py"]
        # Brain-Score wants each identifier in one folder.
        refused = environment.brainalign("link")
        assert refused.code == 8
        assert f"has the benchmark {identifiers()[0]!r} and" in refused.err
        assert "in its folder 'ahlert2024' already" in refused.err
    finally:
        shutil.rmtree(folder)


@needs_brainscore
def test_the_plugin_runner_passes_on_what_a_submission_is(environment, tmp_path):
    """Brain-Score's own: an environment of its own, requirements that pip installs, generic and own tests."""
    clone = _clone(tmp_path)
    plugin = clone / "brainscore_vision/benchmarks/ahlert2024"
    path = write_reference(reference_path(tmp_path, "tiny"), tiny_reference())
    (wheel,) = environment.folder.glob("*.whl")
    environment.brainalign("link", "--submission", plugin, "--reference", path, "--repository", wheel).succeeded()
    # Nothing but Brain-Score's own merge of results on one cluster needs it.
    (environment.folder / "borrowed/junitparser-4.0.dist-info").mkdir()
    metadata = environment.folder / "borrowed/junitparser-4.0.dist-info/METADATA"
    metadata.write_text("Metadata-Version: 2.1\nName: junitparser\nVersion: 4.0\n")
    conda = _conda(tmp_path / "conda", environment.folder / "borrowed")
    runner = f"""
        import sys, types
        from pathlib import Path
        # Only Brain-Score's own extra for tests brings it, and the tests here do not use it.
        sys.modules['pytest_check'] = types.ModuleType('pytest_check')
        sys.modules['pytest_check'].equal = lambda one, other: None
        from brainscore_core.plugin_management.test_plugins import PluginTestRunner
        runner = PluginTestRunner(Path({str(plugin)!r}))
        runner()
        print('returned', runner.returncode)
    """
    how = {
        "PATH": f"{conda}:{environment.variables()['PATH']}",
        "BRAINSCORE_KEEP_PLUGIN_ENV": "1",  # else it clears pip's folders in /tmp
        "BS_INSTALL_DEPENDENCIES": "no",
        "PIP_NO_INDEX": "1",
        "PIP_NO_DEPS": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # which is pip's way to write that there is none
    }
    try:
        ran = environment.python_runs(runner, variables=how).succeeded()
    finally:
        shutil.rmtree(metadata.parent)
    assert ran.out.endswith("returned 0\n"), ran.out
    assert "Successfully installed brainalign" in ran.out
    assert "4 passed" in ran.out
