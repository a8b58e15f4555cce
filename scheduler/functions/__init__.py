"""The functions that come with Noonmark. Each is also an example of how to write one.

They are loaded by the host of functions, which has nothing of ours but what they import: the standard library
and `noonmark.functions`, and where a rule of the servers has to hold for a function too, that rule (`calling`
sends as deliveries are sent). No function opens the database or the storage. They stand here rather than in
the client because they are what a server offers, not what its callers install.
"""
