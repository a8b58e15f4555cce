"""Files of jobs, as they are known: their names, and the statements by which they come to be seen."""
