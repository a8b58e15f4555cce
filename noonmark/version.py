"""The client's version, which the wheel and the `User-Agent` carry."""

VERSION = "0.1.0"
