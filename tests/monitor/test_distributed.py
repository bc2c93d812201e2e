"""Resamples in other processes: two of joblib's, and two workers of a real Dask cluster. The numbers stay the same."""

from __future__ import annotations

import socket
import sys

import pytest

from tests.boards import small_tree, snapshot_of
from tests.commands import brainalign

# Two with a posterior, and three whose boards without a paper are shared out.
SCHEMES = "HIER,GEOMETRIC,PC1,COPELAND,REF_NORMAL"
OPTIONS = ("--resamples", "300", "--thorough", "--seed", "7", "--json")


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    from brainalign_plugin import snapshot_bytes

    rows = [[round((i * 37 + j * 61 + i * j * 13) % 97 / 97, 3) for j in range(7)] for i in range(9)]
    path = tmp_path_factory.mktemp("board") / "board.json.gz"
    path.write_bytes(snapshot_bytes(snapshot_of(small_tree(), rows)))
    return path


@pytest.fixture(scope="module")
def cluster():
    """Two workers, each a process of its own, on the loopback."""
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
    ) as running:
        yield running


@pytest.fixture(scope="module")
def alone(snapshot, tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    return brainalign("rank", snapshot, "--scheme", SCHEMES, *OPTIONS, home=home).succeeded()


def test_two_processes_give_the_same_bytes_as_one(snapshot, alone, tmp_path):
    two = brainalign("rank", snapshot, "--scheme", SCHEMES, "--jobs", 2, *OPTIONS, home=tmp_path)
    assert two.succeeded().out == alone.out
    assert all(one["intervals"] for one in alone.json["schemes"].values())
    other = brainalign("rank", snapshot, "--scheme", SCHEMES, *OPTIONS, "--seed", 8, home=tmp_path)
    assert other.succeeded().out != alone.out


def test_a_cluster_gives_the_same_bytes_and_does_the_work(snapshot, cluster, alone, tmp_path):
    from distributed import Client

    address = cluster.scheduler_address
    found = brainalign(
        "rank", snapshot, "--scheme", SCHEMES, "--backend", "dask", "--dask-scheduler", address, *OPTIONS, home=tmp_path
    )
    assert found.succeeded().out == alone.out
    with Client(address) as client:
        done = client.run_on_scheduler(
            lambda dask_scheduler: {
                prefix: group.state_counts["memory"] + group.state_counts["released"]
                for prefix, group in dask_scheduler.task_prefixes.items()
            }
        )
    # The whole board and those without a paper, of each scheme without a posterior.
    assert sum(done.values()) >= 14, done


def test_a_cluster_that_cannot_be_used_is_named(snapshot, tmp_path, monkeypatch):
    def refused(*options):
        return brainalign("rank", snapshot, "--scheme", "HIER", *options, home=tmp_path)

    assert "name it with --dask-scheduler tcp://HOST:PORT" in refused("--backend", "dask").problem
    address = "tcp://127.0.0.1:8786"
    assert "without --backend dask; add it" in refused("--dask-scheduler", address).problem
    monkeypatch.setitem(sys.modules, "distributed", None)
    problem = refused("--backend", "dask", "--dask-scheduler", address).problem
    assert "pip install 'distributed>=2024.5'" in problem


def test_a_scheduler_that_does_not_answer_is_named(snapshot, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
    found = brainalign(
        "rank", snapshot, "--scheme", "HIER", "--backend", "dask", "--dask-scheduler", address, home=tmp_path
    )
    assert f"no Dask scheduler answers at '{address}'" in found.problem
    assert found.code == 8
