"""What compose.yaml needs beside itself: the proxy's configuration, the upgrade, who fills in secrets."""
