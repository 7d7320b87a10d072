"""Workers, which do programs and heavy steps: processes of this machine, or stand-ins."""
