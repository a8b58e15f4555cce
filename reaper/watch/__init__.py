"""What a reaper looks at for the gauges: nothing here changes anything."""
