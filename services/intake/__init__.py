"""Intake: takes in what lenders know, once, in order, and passes on only what can be understood.

owns: books, registry of clients, loans and projects, ledger of facts, quarantine
consumes: tocsin.facts
publishes: tocsin.intake
HTTP in: /intake/v1
"""
