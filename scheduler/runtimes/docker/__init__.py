"""The runtime that carries orders out in containers of a Docker Engine on this host.

`engine` is the connection and its failures, `container` what a container is made of, `work` one that runs,
`runtime` what the scheduler sees.
"""
