"""The specs that ship with arspec, as files of the package `arspec.specs`; `arspec list` names them."""
