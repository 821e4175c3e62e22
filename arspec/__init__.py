"""arspec: a compiler for autoregressive models. Write a spec, see it proven, get the module and the sampler."""
