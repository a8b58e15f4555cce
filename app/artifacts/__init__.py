"""Files of jobs over HTTP: listed, downloaded, uploaded by links that are signed and short-lived."""
