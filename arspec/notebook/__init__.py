"""What notebooks show: a spec as its diagram, a report as its page, a model as its table, samples as they are.

Pages are plain HTML without scripts. They take their colours from the page around them, so that they are read in light
and in dark.
"""
