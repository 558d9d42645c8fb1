"""What feedback counts for its operators."""
