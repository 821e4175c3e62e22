"""What a spec becomes in torch: the module (all sites at once) and the sampler (every site once)."""
