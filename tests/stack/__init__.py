"""The images, built and run as compose.yaml says, on a Docker Engine of the tests' own. Nothing is pulled."""
