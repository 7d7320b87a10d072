"""SQLite's locks cannot be trusted on network file systems, which are recognised."""

from pathlib import Path

import pytest

from qiskit_modes.store.network_file_system import network_file_system

MOUNTS = [
    ("/", "ext4"),
    ("/home", "nfs4"),
    ("/home/me/scratch", "xfs"),
    ("/mnt/a", "fuse.sshfs"),
    ("/mnt/b", "fuse.portal"),
    ("/mnt/c", "CIFS"),
    ("/mnt/d", "ext4"),
    ("/mnt/d", "lustre"),
    ("/homes", "ext4"),
]


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/srv/jobs.sqlite", None),
        ("/home/me/jobs.sqlite", "nfs4"),
        ("/homes/me/jobs.sqlite", None),
        ("/home/me/scratch/jobs.sqlite", None),
        ("/mnt/a/jobs.sqlite", "fuse.sshfs"),
        ("/mnt/b/jobs.sqlite", None),
        ("/mnt/c/jobs.sqlite", "cifs"),
        ("/mnt/d/jobs.sqlite", "lustre"),
    ],
)
def test_the_innermost_mount_counts(path, kind):
    assert network_file_system(Path(path), MOUNTS) == kind


def test_links_are_followed(tmp_path):
    (tmp_path / "link").symlink_to("/home/me")
    assert network_file_system(tmp_path / "link" / "jobs.sqlite", MOUNTS) == "nfs4"


def test_this_machine():
    assert network_file_system(Path("/proc/version")) is None
