"""Files that outlive the process that wrote them: where they are kept, and how they get there and back."""
