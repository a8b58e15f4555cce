"""The functions that come with Noonmark. Each is also an example of how to write one.

They are loaded by the host of functions, which has nothing of ours: they import the standard library and
`noonmark.functions` alone, never `core`. They stand here rather than in the client because they are what a
server offers, not what its callers install.
"""
