"""Recognises network file systems, on which SQLite's locks cannot be trusted."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import psutil

__all__ = ["network_file_system"]

_KINDS = frozenset(
    {
        *(
            "nfs",
            "nfs3",
            "nfs4",
            "cifs",
            "smb",
            "smb2",
            "smb3",
            "smbfs",
            "afpfs",
            "webdav",
            "davfs",
        ),
        *("lustre", "gpfs", "beegfs", "pvfs2", "orangefs", "panfs", "wekafs", "glusterfs"),
        *("ceph", "afs", "coda", "9p", "ncpfs", "vboxsf", "prl_fs", "acfs", "ocfs2", "gfs2"),
    }
)
"""Types of file systems that several machines share, as systems call them."""

_FUSE = frozenset(
    {"sshfs", "s3fs", "gcsfuse", "rclone", "glusterfs", "cephfs", "ceph-fuse", "davfs", "curlftpfs"}
)
"""The same of those that programs make; they are called ``fuse.sshfs``, say."""


def network_file_system(path: Path, mounts: Iterable[tuple[str, str]] | None = None) -> str | None:
    """Return the type of the network file system that a file is on, or would be; None for none.

    Args:
        path: Of the file.
        mounts: Where file systems begin, with their types; None for those of this machine.
    """
    if mounts is None:
        mounts = [(each.mountpoint, _type_of(each)) for each in psutil.disk_partitions(all=True)]
    whole = os.path.realpath(path)
    kind, longest = "", -1
    for at, each in mounts:
        # Of two at one place the later one covers the other.
        if _is_below(whole, at) and len(at) >= longest:
            kind, longest = each.lower(), len(at)
    outer, _, inner = kind.partition(".")
    if kind in _KINDS or kind == "remote" or (outer == "fuse" and inner in _FUSE):
        return kind
    return "remote" if whole.startswith("\\\\") else None


def _type_of(mounted: psutil._ntuples.sdiskpart) -> str:
    """Return the type; Windows says of a drive only that it is another machine's."""
    return "remote" if "remote" in mounted.opts.split(",") else str(mounted.fstype)


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)
