"""Feedback: what people say back: verdicts on alerts, answers to surveys, remarks.

Owns: verdicts, surveys and their answers, remarks, what it must know of alerts, books and contacts to ask fairly.
Consumes: tocsin.intake (books, closes, loans closed), tocsin.risk (alerts, cures, decisions), tocsin.contacts.
Publishes: tocsin.feedback (verdicts given, surveys invited and answered), tocsin.feedback.dead-letters.
HTTP: /feedback/v1 alerts, verdicts, surveys, remarks, pages, dead-letters.
"""
