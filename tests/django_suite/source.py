"""Django's own tests, of exactly the installed version, from its source distribution.

The wheel has no tests. The source is fetched once with pip, into a directory that git ignores; nothing of
it is ever committed.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

import django
import pytest

from tests import services

VERSION = django.get_version()
CACHE = Path(__file__).parents[2] / ".cache" / "django-source"
WANTED = ("sessions_tests", "auth_tests")


def load(name: str, **stubs: ModuleType) -> Any:
    """Import a module of Django's tests; skip the module that asks when it cannot be had."""
    try:
        place = _fetched()
    except (OSError, subprocess.SubprocessError, tarfile.TarError) as error:
        reason = f"Django's own tests: the source of {VERSION} cannot be fetched ({error})"
        if services.REQUIRED:
            raise RuntimeError(reason) from error
        services.skipped["django-source"] = reason
        pytest.skip(reason, allow_module_level=True)
    sys.modules.update({f"{name.partition('.')[0]}.{stub}": stubs[stub] for stub in stubs})
    sys.path.insert(0, str(place))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(place))


def stub(name: str, **contents: object) -> ModuleType:
    """A module that stands in for one which needs an app that is not installed here."""
    module = ModuleType(name)
    vars(module).update(contents)
    return module


def _fetched() -> Path:
    place = CACHE / VERSION
    if not place.is_dir():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as folder:
            _extract(_download(Path(folder)), Path(folder))
            try:
                (Path(folder) / f"django-{VERSION}" / "tests").rename(place)
            except OSError:
                if not place.is_dir():  # otherwise another process was quicker
                    raise
    return place


def _download(folder: Path) -> Path:
    """Let pip fetch and verify the archive, by its own settings for mirrors and proxies."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--no-input", "--retries=1", "--timeout=15", "--no-deps", "--no-binary=django"]
    command += ["--dest", str(folder), f"django=={VERSION}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["pip says nothing"]
        raise OSError(lines[-1])
    (archive,) = folder.glob("*.tar.gz")
    return archive


def _extract(archive: Path, folder: Path) -> None:
    wanted = tuple(f"django-{VERSION}/tests/{name}/" for name in WANTED)
    with tarfile.open(archive) as tar:
        members = [member for member in tar.getmembers() if member.name.startswith(wanted)]
        if not members:
            raise tarfile.TarError(f"{archive.name} holds no tests")
        # "data" refuses links, devices and paths that lead outside (PEP 706).
        tar.extractall(folder, members, filter="data")


def without(reasons: dict[str, str], since: tuple[int, int] = (5, 2)) -> Any:
    """Opt a class out of tests of Django's, by name, each with its reason."""

    def opt_out(case: type) -> type:
        for name, reason in reasons.items() if since <= django.VERSION else ():
            if not hasattr(case, name):
                raise AttributeError(f"Django {VERSION} has no test {name}.")
            setattr(case, name, pytest.mark.skip(reason=reason)(_nothing(name)))
        return case

    return opt_out


def _nothing(name: str) -> Any:
    def test(self: object) -> None:
        raise AssertionError("skipped")

    test.__name__ = name
    return test
