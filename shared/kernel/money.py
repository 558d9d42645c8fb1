"""Money: integer minor units inside, decimal strings with an ISO 4217 code at every edge."""

import re

_TWO_DIGITS = """
AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW CNY COP
COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR
JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN
NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL
THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG
"""
_NO_DIGITS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE_DIGITS = "BHD IQD JOD KWD LYD OMR TND"

CURRENCY_DIGITS: dict[str, int] = {
    **dict.fromkeys(_TWO_DIGITS.split(), 2),
    **dict.fromkeys(_NO_DIGITS.split(), 0),
    **dict.fromkeys(_THREE_DIGITS.split(), 3),
}
"""Digits after the point by currency (ISO 4217, list one; precious metals and funds without digits left out)."""

MAX_AMOUNT_MINOR = 10**15
"""No single amount is larger, so that sums over any book fit 64-bit integers."""

_DECIMAL = re.compile(r"(-?)(\d{1,16})(?:\.(\d{1,4}))?", re.ASCII)


def parse_amount(text: str, currency: str) -> int:
    """Return an amount in minor units, e.g. `("208.98", "USD") -> 20898`; ValueError says what is wrong."""
    digits = CURRENCY_DIGITS.get(currency)
    if digits is None:
        raise ValueError(f"{currency!r} is not an ISO 4217 currency code")
    match = _DECIMAL.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a decimal amount such as 1250.00")
    sign, whole, fraction = match.groups(default="")
    if len(fraction) > digits:
        raise ValueError(f"{text!r} has {len(fraction)} digits after the point, {currency} has {digits}")
    minor = int(whole + fraction.ljust(digits, "0"))
    if minor > MAX_AMOUNT_MINOR:
        raise ValueError(f"{text!r} is larger than any amount that this system keeps")
    return -minor if sign else minor


def format_amount(amount_minor: int, currency: str) -> str:
    """Return minor units as a decimal string with all digits of the currency, e.g. `(20898, "USD") -> "208.98"`."""
    digits = CURRENCY_DIGITS[currency]
    if digits == 0:
        return str(amount_minor)
    whole, fraction = divmod(abs(amount_minor), 10**digits)
    return f"{'-' if amount_minor < 0 else ''}{whole}.{fraction:0{digits}d}"
