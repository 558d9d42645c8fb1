"""What feedback's pages say, in English and Chinese."""

from shared.page import Words
from shared.page.judging import JUDGING

_SURVEY: Words = {
    "survey_title": {"en": "How did it go?", "zh": "您的体验如何？"},
    "survey_loan_closed": {
        "en": "Your loan {loan} is paid off. Two questions, one minute: your answer helps us to do better.",
        "zh": "您的贷款 {loan} 已结清。只有两个问题，约一分钟，您的回答有助于我们改进。",
    },
    "survey_arrears_cured": {
        "en": "The payments of your loan {loan} are up to date again. Two questions, one minute: your answer helps "
        "us to do better.",
        "zh": "您的贷款 {loan} 的还款已恢复正常。只有两个问题，约一分钟，您的回答有助于我们改进。",
    },
    "survey_optional": {
        "en": "You may leave out what you do not want to answer. Open until {day}.",
        "zh": "不想回答的问题可以跳过。截止日期：{day}。",
    },
    "csat_legend": {"en": "How satisfied are you with us?", "zh": "您对我们的服务满意吗？"},
    "csat_5": {"en": "Very satisfied", "zh": "非常满意"},
    "csat_4": {"en": "Satisfied", "zh": "满意"},
    "csat_3": {"en": "Neither satisfied nor dissatisfied", "zh": "一般"},
    "csat_2": {"en": "Dissatisfied", "zh": "不满意"},
    "csat_1": {"en": "Very dissatisfied", "zh": "非常不满意"},
    "nps_legend": {
        "en": "How likely are you to recommend us to a friend?",
        "zh": "您有多大可能向朋友推荐我们？",
    },
    "nps_scale": {"en": "0 = not at all likely, 10 = extremely likely", "zh": "0 = 完全不可能，10 = 非常可能"},
    "text_legend": {
        "en": "Anything you want to tell us about this loan?",
        "zh": "关于这笔贷款，您还有什么想告诉我们的吗？",
    },
    "text_hint": {
        "en": "Please write no account numbers or passwords. At most {most} characters.",
        "zh": "请勿填写账号或密码。最多 {most} 个字符。",
    },
    "send": {"en": "Send my answer", "zh": "提交"},
    "thanks_title": {"en": "Thank you", "zh": "谢谢"},
    "thanks": {
        "en": "Your answer is recorded. You can close this page.",
        "zh": "您的回答已记录，可以关闭此页面。",
    },
    "used_title": {"en": "You have answered already", "zh": "您已经回答过了"},
    "used": {
        "en": "Thank you, your first answer is recorded and stays as it is. You can close this page.",
        "zh": "谢谢，您的首次回答已记录，不会更改。可以关闭此页面。",
    },
}

_FORM: Words = {
    "wrong_title": {"en": "Please look at this once more", "zh": "请再检查一下"},
    "wrong_kept": {
        "en": "Nothing was recorded yet; what you entered is still there.",
        "zh": "尚未记录任何内容，您填写的内容仍然保留。",
    },
    "wrong_csat_not_chosen": {"en": "Satisfaction: choose one of the five.", "zh": "满意度：请从五个选项中选择一个。"},
    "wrong_nps_not_chosen": {
        "en": "Recommendation: choose one number from 0 to 10.",
        "zh": "推荐可能性：请从 0 到 10 中选择一个数字。",
    },
    "wrong_text_too_long": {
        "en": "Your text has {length} characters; at most {most} can be kept.",
        "zh": "您的文字共 {length} 个字符，最多可保留 {most} 个。",
    },
    "wrong_text_control": {
        "en": "Your text has characters that cannot be kept; they are shown as \ufffd. Please take them out.",
        "zh": "您的文字含有无法保留的字符，已显示为 \ufffd，请将其删除。",
    },
    "wrong_text_nothing": {"en": "Write something first.", "zh": "请先填写内容。"},
    "wrong__nothing": {
        "en": "Answer at least one of the questions, or write something.",
        "zh": "请至少回答一个问题，或留下文字。",
    },
    "wrong_verdict_not_chosen": {"en": "Verdict: choose one of the three.", "zh": "判断：请从三个选项中选择一个。"},
    "wrong_outcome_not_chosen": {
        "en": "What came of it: choose one from the list.",
        "zh": "处理结果：请从列表中选择一个。",
    },
    "wrong_comment_too_long": {
        "en": "The comment has {length} characters; at most {most} can be kept.",
        "zh": "备注共 {length} 个字符，最多可保留 {most} 个。",
    },
    "wrong_comment_control": {
        "en": "The comment has characters that cannot be kept; they are shown as \ufffd. Please take them out.",
        "zh": "备注含有无法保留的字符，已显示为 \ufffd，请将其删除。",
    },
    "too_large_title": {"en": "That was too much at once", "zh": "内容过多"},
    "too_large": {
        "en": "Nothing was recorded. Please go back and shorten your text.",
        "zh": "未作任何记录。请返回并缩短文字。",
    },
}

_ALERT: Words = {
    "alert_title": {"en": "Your view of this alert", "zh": "您对此预警的意见"},
    "alert_back": {"en": "Back to the alert", "zh": "返回预警页面"},
    "alert_unknown_title": {"en": "This alert is still on its way", "zh": "此预警尚未送达"},
    "alert_unknown": {
        "en": "It opened a moment ago. Nothing was recorded; please try again in a few seconds.",
        "zh": "预警刚刚产生，未作任何记录，请几秒钟后重试。",
    },
    "done_verdict": {
        "en": "Your verdict is recorded. What risk makes of it will be shown below.",
        "zh": "您的判断已记录，处理结果将显示在下方。",
    },
    "done_remark": {"en": "Your remark is recorded.", "zh": "您的备注已记录。"},
    "verdicts_title": {"en": "Verdicts so far", "zh": "已有判断"},
    "verdicts_none": {"en": "None yet.", "zh": "暂无。"},
    "remarks_title": {"en": "Remarks so far", "zh": "已有备注"},
    "verdict_replaced": {"en": "replaced by a later one", "zh": "已被后来的判断取代"},
    "decision_": {"en": "risk has not decided yet", "zh": "风险系统尚未处理"},
    "decision_accepted": {"en": "counts", "zh": "已计入"},
    "decision_repeated": {"en": "counts already", "zh": "此前已计入"},
    "decision_superseded": {"en": "does not count: the alert was withdrawn", "zh": "不计入：预警已撤回"},
    "decision_unknown": {"en": "does not count: risk does not know the alert", "zh": "不计入：风险系统不认识此预警"},
}

WORDS: Words = {**_SURVEY, **_FORM, **JUDGING, **_ALERT}
