"""The Kubernetes runtime on a real control plane: API server, etcd, Job controller, garbage collector.

Nothing here is collected unless NOONMARK_TEST_CONTROL_PLANE names a folder with the programs `etcd`,
`kube-apiserver` and `kube-controller-manager`. A node there is none: `node` plays its kubelet.
"""
