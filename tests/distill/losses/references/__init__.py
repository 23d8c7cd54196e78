"""The losses once more: numpy in float64 and plain loops, written from the papers alone.

Each function follows the equation that it names, one sum sign a loop where that can be read, and
shares nothing with `distill.losses`: what both say is what the paper says. They are slow, they know
no gradient, and they take no care of numbers that are very large or very small.
"""
