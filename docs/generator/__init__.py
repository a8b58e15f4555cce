"""Writes into the pages what the code already says. One file a kind of table; prose belongs in the pages."""
