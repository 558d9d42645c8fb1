"""Each guard is shown to matter: without it the same scenario ends in the violation that it is there to prevent."""
