"""A language server for specs: diagnostics, the proof as one types, mends and layout, for any editor that speaks LSP.

pygls speaks the protocol. What an editor shows and changes of a text stands in the packages below, without it.
"""
