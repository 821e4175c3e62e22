"""The packages: those below `arspec/`, and the shipped specs of `specs/` as `arspec.specs`.
All else stands in pyproject.toml."""

from setuptools import find_packages, setup

setup(packages=[*find_packages(include=["arspec*"]), "arspec.specs"], package_dir={"arspec.specs": "specs"})
