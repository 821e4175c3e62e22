"""Shadow memory: for every element of every tensor of one ordinary forward pass, which variables it depends on."""
