"""What all services stand on; it never imports a service."""
