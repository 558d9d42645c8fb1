"""Risk's rules, pure: facts, terms and levels in, figures and decisions with their reason out."""
