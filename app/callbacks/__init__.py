"""What the code of an attempt tells about itself over HTTP, by the credential that it was given."""
