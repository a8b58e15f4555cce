"""The replicas as the API shows them."""
