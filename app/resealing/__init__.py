"""Sealing anew, under the master key that seals today, what an older key has sealed."""
