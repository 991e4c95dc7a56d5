"""Places among processes, and even shares of tasks."""

from unittest.mock import Mock

import jax
import pytest

from vinf_jax.parallel import hosts
from vinf_jax.parallel.mesh import make_mesh

SLURM = {
    "SLURM_JOB_ID": "4099",
    "SLURM_STEP_NODELIST": "node[007-008]",
    "SLURM_NTASKS": "4",
    "SLURM_PROCID": "3",
    "SLURM_LOCALID": "1",
    "SLURM_STEP_NUM_NODES": "2",
}


@pytest.mark.parametrize(
    ("more", "devices"),
    [
        ({}, (1,)),
        ({"SLURM_STEP_NUM_NODES": "4"}, ()),
        ({"CUDA_VISIBLE_DEVICES": "5"}, ()),
        ({"CUDA_VISIBLE_DEVICES": "0,1"}, (1,)),
        ({"JAX_LOCAL_DEVICE_IDS": "0,1"}, None),
    ],
)
def test_slurm_says_which_process_this_is(monkeypatch, more, devices):
    for name, value in (SLURM | more).items():
        monkeypatch.setenv(name, value)
    assert hosts.detected() == hosts.Place("node007:61443", 4, 3, devices)


def test_started_by_nobody_is_refused():
    with pytest.raises(ValueError, match="by none of SLURM"):
        hosts.detected()


@pytest.mark.parametrize("count", [1, 2, 3, 5])
@pytest.mark.parametrize("tasks", [0, 1, 4, 7])
def test_turns_share_all_tasks_in_order(monkeypatch, tasks, count):
    shares = []
    for index in range(count):
        monkeypatch.setattr(hosts, "_joined", [hosts.Place("here:1", count, index)])
        shares.append(hosts.turns(list(range(tasks))))
    assert len({len(share) for share in shares}) == 1
    assert [task for share in shares for task in share if task is not None] == list(range(tasks))
    assert len(shares[0]) == -(-tasks // count)


def test_alone_nothing_is_exchanged():
    assert (hosts.count(), hosts.index(), hosts.leads()) == (1, 0, True)
    assert hosts.gathered({"a": 1}) == [{"a": 1}]


def test_a_process_without_a_clip_is_refused():
    devices = [Mock(spec=jax.Device, process_index=n // 2) for n in range(6)]
    with pytest.raises(ValueError, match="none of them process 2's; use 6 clips, or start fewer"):
        make_mesh(4, devices=devices)
