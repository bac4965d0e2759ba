"""Build the distributions of the last commit, and try them where no checkout is: see "make dist".

    python .ci/dist.py python3.11 python3.13

Each of these Pythons that is there makes a project on the wheel, as the README says, and signs a user in.
The last of them does the same on the sdist, and runs those of its tests that need no server. Nothing is
asked of the network but the package index.
"""

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DIST = ROOT / "dist"

WITHOUT_SERVERS = [
    "tests/core",
    "tests/configuration",
    "tests/docs/test_pages.py",
    "tests/test_packaging.py",
]


def main(pythons: list[str]) -> None:
    found = {python: version for python in pythons if (version := version_of(python))}
    for python in pythons:
        if python not in found:
            say(f"skipped {python}, which cannot be run")
    if not found:
        sys.exit(f"dist: none of these can be run: {', '.join(pythons)}")
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        checkout = clean_checkout(place / "checkout")
        wheel, sdist = build(checkout)
        for python, version in found.items():
            environment = made(place / f"wheel-{version}", python)
            install(environment, wheel, "-c", pins(version))
            try_in_a_project(environment, checkout)
            say(f"a project works on the wheel: Python {version}, {pins(version).stem}")
        environment = made(place / "sdist", python)
        install(environment, sdist, "-c", pins(version))
        try_in_a_project(environment, checkout)
        say(f"a project works on the sdist: Python {version}, {pins(version).stem}")
        unpacked = place / "unpacked" / sdist.name.removesuffix(".tar.gz")
        with tarfile.open(sdist) as archive:
            archive.extractall(unpacked.parent, filter="data")
        install(environment, "-r", unpacked / "requirements" / pins(version).name)
        tests = ["-p", "no:cacheprovider", *WITHOUT_SERVERS]
        say(run([environment, "-m", "pytest", "-q", *tests], cwd=unpacked).splitlines()[-1])


def version_of(python: str) -> str:
    """ "3.11" for a Python 3.11, and nothing for what cannot be run."""
    asked = [python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    try:
        return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def pins(version: str) -> Path:
    name = "test-py311-django52.txt" if version == "3.11" else "test-py313-django61.txt"
    return ROOT / "requirements" / name


def clean_checkout(place: Path) -> Path:
    """The files of the last commit, so that nothing else gets into a distribution."""
    commit = run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT).strip()
    if run(["git", "status", "--porcelain"], cwd=ROOT):
        say(f"changes since commit {commit} are left out")
    archive = place.with_suffix(".tar")
    run(["git", "archive", "--output", archive, "HEAD"], cwd=ROOT)
    with tarfile.open(archive) as files:
        files.extractall(place, filter="data")
    say(f"building commit {commit}")
    return place


def build(checkout: Path) -> tuple[Path, Path]:
    """Build the wheel from the sdist, as pip does, and check both."""
    shutil.rmtree(DIST, ignore_errors=True)
    run([sys.executable, "-m", "build", "--no-isolation", "--outdir", DIST], cwd=checkout)
    (wheel,), (sdist,) = DIST.glob("*.whl"), DIST.glob("*.tar.gz")
    run([sys.executable, "-m", "twine", "check", "--strict", wheel, sdist], cwd=checkout)
    run([sys.executable, "-m", "check_wheel_contents", wheel], cwd=checkout)
    committed = {path.relative_to(checkout) for path in checkout.rglob("*") if path.is_file()}
    with tarfile.open(sdist) as archive:
        packed = {Path(*Path(name).parts[1:]) for name in archive.getnames()}
    if packed != committed | {Path("PKG-INFO")}:
        differing = ", ".join(map(str, sorted(packed ^ committed)))
        sys.exit(f"dist: the sdist and the commit differ in {differing}")
    say(f"built {wheel.name} and {sdist.name}")
    return wheel, sdist


def made(place: Path, python: str) -> Path:
    """The Python of a new virtual environment."""
    run([python, "-m", "venv", place])
    return place / "bin" / "python"


def install(python: Path, *what: object) -> None:
    run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *what])


def try_in_a_project(python: Path, checkout: Path) -> None:
    """Only tests/ can be imported from the checkout; frontdesk has to come from the environment."""
    with tempfile.TemporaryDirectory() as directory:
        run([python, "-c", "import frontdesk"], cwd=directory)
        environment = os.environ | {"PYTHONPATH": str(checkout)}
        run([python, "-m", "tests.installed"], cwd=directory, env=environment)


def run(command: list[object], **options: object) -> str:
    """Run a command and return what it prints. Ends the program, with that, if the command fails."""
    words = list(map(str, command))
    done = subprocess.run(words, capture_output=True, text=True, check=False, **options)
    if done.returncode:
        sys.exit(f"dist: failed: {' '.join(words)}\n{done.stdout}{done.stderr}")
    return done.stdout


def say(text: str) -> None:
    print(f"dist: {text}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
