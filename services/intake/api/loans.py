"""Loans: paid out or taken on, repaid, changed, ended; and corrections of any fact."""

from fastapi import APIRouter

from services.intake.api.edge import Front
from services.intake.api.resources import add_post

_INSIDE = (
    ("repayments", "tocsin.repayment.received.v1", "Note a repayment"),
    ("reversals", "tocsin.repayment.reversed.v1", "Take a repayment back"),
    ("capitalisations", "tocsin.loan.capitalised.v1", "Add interest or fees to the principal"),
    ("restructurings", "tocsin.loan.restructured.v1", "Give a loan a new schedule or a payment holiday"),
    ("charge-offs", "tocsin.loan.charged_off.v1", "Charge a loan off"),
    ("recoveries", "tocsin.recovery.received.v1", "Note money after charge-off"),
    ("recovery-reversals", "tocsin.recovery.reversed.v1", "Take recovered money back"),
    ("closures", "tocsin.loan.closed.v1", "Close a loan that is paid off"),
    ("departures", "tocsin.loan.left_book.v1", "Let a loan leave the book"),
)


def add_routes(router: APIRouter, front: Front) -> None:
    """Add the routes under `/loans`, and `/corrections`."""
    add_post(router, front, "/loans", "tocsin.loan.disbursed.v1", "Pay a loan out")
    add_post(router, front, "/loans/take-ons", "tocsin.loan.taken_on.v1", "Take a loan on in the middle of its life")
    for place, fact_type, title in _INSIDE:
        add_post(router, front, f"/loans/{{id}}/{place}", fact_type, title, "loan")
    add_post(router, front, "/corrections", "tocsin.fact.corrected.v1", "Correct or annul an earlier fact")
