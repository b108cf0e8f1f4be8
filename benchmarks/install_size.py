"""Measure the size of an installation on disk: ours, and the `fer` package with all it needs.

python -m benchmarks.install_size               # about ten minutes, downloads some gigabytes
python -m benchmarks.install_size --only ours

Each is installed by pip into a fresh environment in a temporary folder. The size is that of its
site-packages, without pip itself.
"""

import argparse
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from benchmarks.lib import runner

INSTALLED = {
    "ours": (str(runner.ROOT),),
    "ours with OpenCV": (f"{runner.ROOT}[video]",),
    "fer": ("fer==25.10.3",),
}
# Part of every environment, not of what was installed into it.
OWN = ("pip", "pip-*", "setuptools", "setuptools-*", "_distutils_hack", "distutils-precedence.pth")
LARGEST = 5


def sizes(site_packages):
    """Return {folder or file: MB}, the largest first, without what a new environment has."""
    found = {}
    for entry in site_packages.iterdir():
        if not any(entry.match(pattern) for pattern in OWN):
            files = [entry] if entry.is_file() else [f for f in entry.rglob("*") if f.is_file()]
            found[entry.name] = sum(file.stat().st_size for file in files) / 1e6
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def installed(requirements):
    """Install into a fresh environment. Return its `sizes`."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = Path(folder) / "bin" / "python"
        command = [python, "-m", "pip", "install", "--quiet", "--no-compile", *requirements]
        if subprocess.run(command, stdout=sys.stderr).returncode:
            raise SystemExit(f"{', '.join(requirements)}: pip could not install it, see above")
        (site_packages,) = Path(folder).glob("lib/python*/site-packages")
        return sizes(site_packages)


def main(argv=None):
    """Run the benchmark. Return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.install_size",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = ", ".join(INSTALLED)
    parser.add_argument("--only", choices=INSTALLED, action="append", help=f"one of {names}")
    parser.add_argument("--json", metavar="FILE", help="write the figures")
    parser.add_argument("--plot", metavar="FILE.png", help="plot the figures")
    args = parser.parse_args(argv)
    result, bars = {}, {}
    for name in args.only or INSTALLED:
        found = installed(INSTALLED[name])
        total = sum(found.values())
        result[name] = {"mb": total, "packages": len(found), "largest": dict(_first(found))}
        bars[name] = dict.fromkeys(("median", "low", "high"), total)
        largest = ", ".join(f"{package} {mb:.0f}" for package, mb in _first(found))
        print(f"{name:<20}{total:8.0f} MB; {largest}", flush=True)
    runner.save(args, {"installed": result}, bars, title="Installed", unit="MB")
    return 0


def _first(found):
    return list(found.items())[:LARGEST]


if __name__ == "__main__":
    sys.exit(main())
