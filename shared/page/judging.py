"""Words of the forms by which staff judge an alert, wherever they stand."""

from collections.abc import Mapping

JUDGING: Mapping[str, Mapping[str, str]] = {
    "verdict_title": {"en": "Verdict", "zh": "判断"},
    "verdict_legend": {"en": "Was the alert worth giving?", "zh": "这次预警是否有价值？"},
    "verdict_true": {"en": "Yes, it was true", "zh": "是，预警属实"},
    "verdict_false": {"en": "No, a false alarm", "zh": "否，误报"},
    "verdict_unclear": {"en": "Not clear yet", "zh": "尚不明确"},
    "outcome_label": {"en": "What came of it", "zh": "处理结果"},
    "outcome_": {"en": "Not said", "zh": "未说明"},
    "outcome_none": {"en": "Nothing", "zh": "无"},
    "outcome_watched": {"en": "Put under watch", "zh": "列入观察"},
    "outcome_contacted": {"en": "Clients contacted", "zh": "已联系客户"},
    "outcome_restructured": {"en": "Loans restructured", "zh": "已重组贷款"},
    "outcome_secured": {"en": "Collateral secured", "zh": "已落实担保"},
    "outcome_defaulted": {"en": "Loans defaulted", "zh": "已违约"},
    "comment_label": {"en": "Comment", "zh": "备注"},
    "verdict_send": {"en": "Record my verdict", "zh": "提交判断"},
    "remark_title": {"en": "Remark", "zh": "备注"},
    "remark_label": {"en": "What others should know about this alert", "zh": "关于此预警，他人应了解的情况"},
    "remark_send": {"en": "Leave the remark", "zh": "提交备注"},
}
