"""The tenant itself: making one, its settings, its erasure."""
