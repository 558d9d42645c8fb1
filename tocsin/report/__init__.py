"""The report of a replay: one HTML file that needs nothing else, for the screen, the phone and the printer."""
