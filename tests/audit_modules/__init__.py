"""Hand-written torch modules with planted faults, and clean ones, for the audit's tests. None of them uses arspec."""
