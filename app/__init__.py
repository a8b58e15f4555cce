"""The HTTP API, sign-in and pages: the only package that imports Litestar.

Knows core; knows neither the scheduler nor the reaper.
"""
