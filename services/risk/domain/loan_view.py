"""One loan as people read it: where it stands at the close of a day."""

import msgspec

from services.risk.domain.book import BookTerms
from services.risk.domain.default_path import DEFAULT_DPD
from services.risk.domain.loan_state import LoanState, Standing, Status
from shared.kernel.days import Day
