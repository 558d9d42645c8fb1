"""Intake: takes in what lenders know, once and in order, and passes on only what can be understood.

Owns: books and closes, names of clients, loans, projects, the ledger of facts, the quarantine, versions of contacts.
Consumes: tocsin.facts (facts of foreign producers).
Publishes: tocsin.intake (facts, books, closes), tocsin.contacts (how to reach clients).
HTTP: /intake/v1 books, clients, loans, projects, corrections, facts, quarantine, progress, reconciliation.
"""
