"""What an editor shows of a spec's text, and what it changes there: completion, hover, definitions, references, rename,
hints, folds, outline. Pure functions of a `Document` and a place in it; no server, no torch.

All of it works while the text is broken: what can't be read is blanked (`arspec.editor.reading`), and sizes are those
of the last text that loaded. Names are resolved as the language resolves them (`arspec.editor.walk`). Words about keys,
kinds and masks are those of the schema and the layer classes.
"""
