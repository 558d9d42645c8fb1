"""What notify counts for its operators."""
