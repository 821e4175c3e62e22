"""The static analyses: when each site is known, what it depends on, and what follows. numpy only, no torch."""
