"""How anybody outside is asked: over HTTP, again if that can help, several at once, until a given end or a stop.

In comes what to ask; out goes an answer without secrets, or a typed error.
What is asked, and what an answer means, is left to the wings above.
"""
