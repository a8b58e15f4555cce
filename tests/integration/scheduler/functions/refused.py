"""A module that cannot be imported, because what it needs is not there."""

import package_that_is_not_installed  # type: ignore[import-not-found]

__all__ = ["package_that_is_not_installed"]
