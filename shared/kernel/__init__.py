"""Words that all services use: money, days, calendars, ids, reasons. Pure."""
