"""Answering a survey: once."""

from services.feedback import metrics
from services.feedback.domain.answer import Answer
from services.feedback.handlers.desk import Desk, Subject, client_key
from services.feedback.handlers.remarks import About, Author, leave_remark
from services.feedback.store import books, surveys
from services.feedback.store.surveys import SurveyRow
from shared.db.port import Tx
from shared.events.feedback import SurveyAnswered
from shared.kernel.days import date_of
from shared.kernel.ids import hashed_id


async def answer_survey(tx: Tx, desk: Desk, survey: SurveyRow, said: Answer) -> bool:
    """Keep a client's answer and tell of it; the text becomes a remark on the loan and stays here.

    False: it was answered before, and nothing changes.
    """
    open_day = await books.open_day(tx, survey.book)
    assert open_day is not None, "an invitation follows a close"
    if not await surveys.answer(tx, survey.id, said, open_day, tx.now):
        return False
    if said.text:
        author = Author("client", survey.client, survey.id)
        await leave_remark(tx, About(survey.book, "loan", survey.loan), author, said.text)
    message = SurveyAnswered(
        survey=survey.id,
        book=survey.book,
        client=survey.client,
        answered_on=date_of(open_day),
        csat=said.csat,
        nps=said.nps,
        commented=bool(said.text),
    )
    key = client_key(survey.book, survey.client)
    about = Subject(hashed_id(survey.id, "answered"), key, survey.id, survey.book, survey.client)
    await desk.tell(tx, [(about, message)])
    metrics.SURVEYS_ANSWERED.inc()
    return True
