"""What notify's pages say, in English and Chinese."""

from services.notify.wording.words import LEVELS
from shared.page import Words
from shared.page.judging import JUDGING

_ALERT: Words = {
    "state_open": {"en": "open", "zh": "进行中"},
    "state_closed": {"en": "closed", "zh": "已解除"},
    "state_withdrawn": {"en": "withdrawn", "zh": "已撤销"},
    "provisional": {"en": "provisional", "zh": "暂定"},
    "provisionally": {"en": "{period} (provisional)", "zh": "{period}（暂定）"},
    "heading": {"en": "{title}, {where}", "zh": "{where} 的{title}"},
    "book": {"en": "book {book}", "zh": "账簿 {book}"},
    "segment": {"en": "{segment} of book {book}", "zh": "账簿 {book} 中 {segment}"},
    "figure": {"en": "{number}\u00a0%", "zh": "{number}%"},
    "points": {"en": "{number} points", "zh": "{number} 个百分点"},
    "of": {"en": "{numerator} of {denominator} {unit}", "zh": "{numerator}/{denominator} {unit}"},
    "counted_loans": {"en": "loans", "zh": "笔贷款"},
    "counted_projects": {"en": "projects", "zh": "个项目"},
    "counted_instalments": {"en": "instalments", "zh": "期应还款"},
    "counted_milestones": {"en": "milestones", "zh": "个里程碑"},
    "counted_answers": {"en": "answers", "zh": "份答卷"},
    "counted_invitations": {"en": "invitations", "zh": "份邀请"},
    "none": {"en": "–", "zh": "–"},
    "period": {"en": "Period", "zh": "期间"},
    "value": {"en": "Value", "zh": "数值"},
    "level": {"en": "Level", "zh": "级别"},
    "peak": {"en": "Highest level", "zh": "最高级别"},
    "owner": {"en": "Owner", "zh": "负责人"},
    "policy": {"en": "Policy", "zh": "政策"},
    "policy_named": {"en": "{policy} v{version}", "zh": "{policy} 第 {version} 版"},
    "rule": {"en": "rule {rule}", "zh": "规则 {rule}"},
    "data": {"en": "Data as of", "zh": "数据截至"},
    "data_age": {"en": "{days} days before the end of the period", "zh": "早于期末 {days} 天"},
    "chart_title": {"en": "Value against its levels", "zh": "数值与预警线"},
    "chart_description": {
        "en": "{count} periods from {first} to {last}; the latest value is {value}. {levels}",
        "zh": "{first} 至 {last}，共 {count} 期；最新数值为 {value}。{levels}",
    },
    "chart_above": {
        "en": "{level} from {enter}, until below {leave}.",
        "zh": "{level}：达到 {enter}，低于 {leave} 解除。",
    },
    "chart_below": {
        "en": "{level} from {enter} down, until above {leave}.",
        "zh": "{level}：降至 {enter}，高于 {leave} 解除。",
    },
    "chart_key": {
        "en": "Full lines: where a level begins. Dashed lines: where it ends. Hollow dots: provisional.",
        "zh": "实线为预警线，虚线为解除线，空心点为暂定值。",
    },
    "as_table": {"en": "The same as a table", "zh": "以表格显示"},
    "drivers_title": {"en": "What made the change", "zh": "变动来源"},
    "drivers_change": {
        "en": "Against {period} ({value}) it changed by {change}.",
        "zh": "较 {period}（{value}）变动 {change}。",
    },
    "by_attribute": {"en": "By {attribute}", "zh": "按 {attribute}"},
    "segment_column": {"en": "Segment", "zh": "分组"},
    "part_column": {"en": "Part of the change", "zh": "变动贡献"},
    "own_column": {"en": "Its own rate", "zh": "自身数值"},
    "from_to": {"en": "{before} → {now}", "zh": "{before} → {now}"},
    "rest": {"en": "{count} others together", "zh": "其余 {count} 组合计"},
    "top_title": {"en": "What weighs most", "zh": "影响最大者"},
    "parts_title": {"en": "Of these", "zh": "其中"},
    "part_loans": {"en": "Loans", "zh": "贷款笔数"},
    "part_restructured": {"en": "Restructured principal", "zh": "已重组本金"},
    "part_restructured_loans": {"en": "Restructured loans", "zh": "已重组笔数"},
    "part_recovered": {"en": "Recovered", "zh": "已收回"},
    "part_charged_off": {"en": "Charged off", "zh": "已核销"},
    "part_paid_ahead": {"en": "Paid ahead", "zh": "已提前还款"},
    "part_gap_days": {"en": "Days between the two reports, summed", "zh": "两次报告间隔天数合计"},
    "part_promoters": {"en": "Promoters (9 and 10)", "zh": "推荐者（9 和 10）"},
    "part_detractors": {"en": "Detractors (0 to 6)", "zh": "批评者（0 至 6）"},
    "part_open_at_close": {"en": "Still open", "zh": "尚可作答"},
    "part_rebaselined": {"en": "Given a new baseline", "zh": "已调整基准"},
    "part_achieved_late": {"en": "Achieved late", "zh": "延迟完成"},
    "history_title": {"en": "How it went", "zh": "预警经过"},
    "change_opened": {"en": "Opened", "zh": "触发"},
    "change_worsened": {"en": "Worsened", "zh": "恶化"},
    "change_eased": {"en": "Eased", "zh": "缓和"},
    "change_continued": {"en": "Continued", "zh": "持续"},
    "change_confirmed": {"en": "Confirmed", "zh": "确认"},
    "change_amended": {"en": "Amended", "zh": "更正"},
    "change_acknowledged": {"en": "Acknowledged", "zh": "签收"},
    "change_closed": {"en": "Closed", "zh": "解除"},
    "change_withdrawn": {"en": "Withdrawn", "zh": "撤销"},
    "known": {"en": "known since {moment} UTC", "zh": "自 {moment} UTC 获知"},
    "earlier": {"en": "Earlier revisions are left out here.", "zh": "更早的版本未在此列出。"},
    "identity": {"en": "Alert {alert}, revision {revision}", "zh": "预警 {alert}，第 {revision} 版"},
}

_ACKNOWLEDGING: Words = {
    "ack_title": {"en": "Acknowledge", "zh": "签收"},
    "ack_why": {
        "en": "Say that you have seen it and deal with it. Others are then not reminded.",
        "zh": "表示您已知悉并将处理，系统不再提醒他人。",
    },
    "ack_comment": {"en": "What is being done about it (if you like)", "zh": "处理措施（选填）"},
    "ack_send": {"en": "I have seen it and take it", "zh": "我已知悉并负责处理"},
    "ack_done": {"en": "Acknowledged by {by} on {moment} UTC.", "zh": "{by} 已于 {moment} UTC 签收。"},
    "ack_done_elsewhere": {"en": "It is acknowledged.", "zh": "此预警已签收。"},
    "ack_asked": {
        "en": "Asked for by {by} on {moment} UTC. Risk has not answered yet; open this page again in a moment.",
        "zh": "{by} 已于 {moment} UTC 提交签收，风险系统尚未处理，请稍后重新打开本页。",
    },
    "ack_superseded": {
        "en": "Your acknowledgement came too late to count: the alert was over by then.",
        "zh": "您的签收未计入：当时预警已结束。",
    },
    "ack_unknown": {
        "en": "Your acknowledgement does not count: risk does not know the alert.",
        "zh": "您的签收未计入：风险系统没有此预警。",
    },
    "ack_over": {"en": "The alert is over: there is nothing to acknowledge.", "zh": "预警已结束，无需签收。"},
    "ack_sent": {
        "en": "Thank you. Your acknowledgement is on its way to risk, which decides.",
        "zh": "谢谢，您的签收已提交风险系统处理。",
    },
    "ack_too_long": {
        "en": "The comment has {length} characters; at most {most} can be kept. Nothing was recorded yet.",
        "zh": "内容共 {length} 个字符，最多可保留 {most} 个。尚未记录。",
    },
    "too_large_title": {"en": "That was too much at once", "zh": "内容过多"},
    "too_large": {
        "en": "Nothing was recorded. Please go back and shorten your text.",
        "zh": "未作任何记录，请返回并缩短文字。",
    },
    "judge_title": {"en": "Your verdict", "zh": "您的判断"},
    "remark_part": {"en": "Remark", "zh": "备注"},
    "said_before": {"en": "Verdicts and remarks so far", "zh": "已有判断和备注"},
}

_LEVELS: Words = {f"level_{level}": {"en": LEVELS["en"][level], "zh": LEVELS["zh"][level]} for level in LEVELS["en"]}

WORDS: Words = {**JUDGING, **_ALERT, **_ACKNOWLEDGING, **_LEVELS}
