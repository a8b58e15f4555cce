"""The `jobctl` command. It uses the blocking client as any program would; no rule of the API lives here."""
