"""The scheduler: plan, claim, dispatch, settle and beat. Run as many replicas as you like.

Knows core; knows neither the API nor the reaper.
"""
