"""The front door: the command line and the one-process system."""
