"""What feedback counts for its operators."""

from prometheus_client import Counter

VERDICTS = Counter("tocsin_feedback_verdicts_total", "Verdicts given on alerts", ["verdict"])
SURVEYS_INVITED = Counter("tocsin_feedback_surveys_invited_total", "Clients invited to a survey", ["occasion"])
SURVEYS_SKIPPED = Counter("tocsin_feedback_surveys_skipped_total", "Occasions without an invitation", ["reason"])
SURVEYS_ANSWERED = Counter("tocsin_feedback_surveys_answered_total", "Surveys answered")
REMARKS = Counter("tocsin_feedback_remarks_total", "Remarks left", ["kind"])
LINKS_REFUSED = Counter("tocsin_feedback_links_refused_total", "Links that did not open", ["why"])
