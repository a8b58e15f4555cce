"""The runtime that carries orders out as Jobs of a Kubernetes cluster.

`cluster` is the connection and its failures, `objects` what is made there, `ends` what a pod's status says,
`pods` what is known of all pods, `printed` what comes back through a pod's logs, `holding` whose a Job is,
`work` one that runs, `runtime` what the scheduler sees.
"""
