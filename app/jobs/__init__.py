"""Jobs over HTTP: taking a request apart, answering with what the tables say, changing what still waits."""
