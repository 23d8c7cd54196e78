"""Make a smaller network out of a trained one: some of its blocks, the most important of their units.

One module an architecture. Each works on configurations and state dicts alone, so that a plan can tell
what comes out before there are any weights.
"""
