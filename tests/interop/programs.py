"""The programs of this repository that the scripts beside this file start."""
import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]


def build(*examples, doctor=False):
    """Builds these examples, or all of them, and the doctor where it is asked for. Returns the folder
    that has them, examples in a folder of their own.

    They are optimized, unless FAREWELL_PROFILE says another profile: `dev` takes what the tests have
    compiled.
    """
    profile = os.environ.get("FAREWELL_PROFILE", "release")
    names = [word for name in examples for word in ("--example", name)] or ["--examples"]
    programs(profile, *names)
    if doctor:
        programs(profile, "-p", "farewell-doctor", "--bins")
    target = ROOT / os.environ.get("CARGO_TARGET_DIR", "target")
    return target / ("debug" if profile == "dev" else profile)


def programs(profile, *what):
    subprocess.run(["cargo", "programs", "--profile", profile, *what], cwd=ROOT, check=True)
