"""What `tools/bench` measures: a module for each of its commands, and in `plain/` what they measure against.

Every command is a function `run(options) -> rows`. A row is a dict with `name`, `setting`, `seconds`, and where there
is something to compare with `baseline` (what it is), `baseline_seconds` and `ratio`; further keys go to the JSON alone.
"""
