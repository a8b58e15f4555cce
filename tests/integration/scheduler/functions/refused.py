"""A module that cannot be imported, because what it needs is not there."""

from importlib import import_module

import_module("package_that_is_not_installed")
