"""Workers that are processes of this machine, started by loky."""
