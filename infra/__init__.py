"""How Noonmark runs elsewhere: what is watched, and on what it is put. No process imports it."""
