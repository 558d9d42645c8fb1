"""Risk: what the facts come to, and whether somebody must be warned.

Owns: ledger, loans, projects and clients as folded, counters, published indicator values, policies, alerts.
Consumes: tocsin.intake (facts, books, closes), tocsin.notify (acknowledgements, plans), tocsin.feedback (verdicts).
Publishes: tocsin.risk (alert revisions, decisions on requests, policies applied), tocsin.risk.dead-letters.
HTTP: /risk/v1 books, indicators, alerts, alert-revisions, precision, loans, clients, projects, policies,
  dead-letters, progress, reconciliation.
"""
