"""What a stranger reads is true: the pages against the code, and rules that hold for the whole tree."""
