"""The commands of `tocsin`, one file per command or group."""
