"""Wording: texts of messages in English and Chinese, from versioned templates; staff's and clients' live apart."""

from services.notify.wording.wordings import TemplatesWrong, Wordings
from services.notify.wording.written import Audience, Language, WordingFailed, Written

__all__ = ["Audience", "Language", "TemplatesWrong", "WordingFailed", "Wordings", "Written"]
