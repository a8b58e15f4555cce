"""A tenant: who owns rows. Here stands what more than one process needs to know of it."""
