"""The reaper: sweeps over what nobody else will finish. Every sweep is safe to run twice at once."""
