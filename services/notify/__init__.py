"""Notify: who must be told of an alert or asked something, by which channel, and what became of each message.

Owns: people, teams, endpoints, routes, silences, alerts as told, messages with all attempts, contacts of clients.
Consumes: tocsin.risk (alert revisions, decisions on requests), tocsin.feedback (invitations), tocsin.contacts.
Publishes: tocsin.notify (acknowledgements requested, alerts planned), tocsin.notify.dead-letters.
HTTP: /notify/v1 people, teams, endpoints, routes, provisioning, silences, messages, held, inbox, templates, pages, dead-letters,
  reconciliation.
"""  # noqa: E501 - the card is five lines
