"""Where our HTTP calls may go and what they may carry: one URL parser, one address filter, one header rule.

Pure rules, used when a job is created and again when it is sent. Nothing here resolves a name or opens a
socket.
"""
