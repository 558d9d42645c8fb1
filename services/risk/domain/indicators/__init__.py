"""The indicators: one file each with its definition and the measures that it is read from."""

from services.risk.domain.indicators import (
    charge_off_rate,
    csat,
    default_rate,
    missed_payment_rate,
    nps,
    par30,
    par60,
    par90,
    project_delay_rate,
    project_slip_rate,
    repayment_delay_rate,
    survey_response_rate,
)
from services.risk.domain.indicators.indicator import Indicator, Maturity, Reading, reading

__all__ = ["INDICATORS", "Indicator", "Maturity", "Reading", "reading"]

INDICATORS: dict[str, Indicator] = {
    module.INDICATOR.name: module.INDICATOR
    for module in (
        missed_payment_rate,
        repayment_delay_rate,
        default_rate,
        charge_off_rate,
        par30,
        par60,
        par90,
        project_slip_rate,
        project_delay_rate,
        csat,
        nps,
        survey_response_rate,
    )
}
"""Every indicator by name, in the order in which pages list them."""
