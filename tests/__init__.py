"""Every proof, by tier; inside a tier the source path is mirrored."""
