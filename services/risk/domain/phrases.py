"""The words that `sentence.py` speaks with: one phrasebook per language, templates with named places."""

import msgspec


class Phrasebook(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a language needs to tell a revision of an alert."""

    opened: str
    worsened: str
    eased: str
    continued: str
    confirmed: str
    amended: str
    closed: str
    closed_left: str
    closed_by_change: str
    closed_rule_ended: str
    withdrawn: str
    withdrawn_not_reached: str
    withdrawn_value_gone: str
    withdrawn_joined: str
    withdrawn_rule_ended: str
    subject: str
    subject_segment: str
    level_from: str
    level_down_from: str
    level_until: str
    inside: dict[str, str]
    levels: dict[str, str]
    policy: str
    because: str
    later_facts: str
    of_count: str
    of_amount: str
    no_value: str
    rose: str
    fell: str
    unchanged: str
    drivers_most: str
    drivers_largest: str
    contribution: str
    amended_period: str
    amended_more: str
    amended_joiner: str
    period_state: str
    not_part: str
    provisional: str
    note: str
    data_as_of: str
    percent: str
    comma: str
    last_comma: str
    stop: str
    joiner: str
    titles: dict[str, str] = {}
    """Indicator -> its name; the indicator's own title where there is none."""
    counted: dict[str, str] = {}
    becauses: dict[str, str]
    """What changed the past (the cause of a mark) -> its name."""


ENGLISH = Phrasebook(
    opened="{subject} reached {value} in {period}, {where} by {policy}.",
    worsened="{subject} worsened from {level_before} to {level}: {value} in {period}, {where} by {policy}.",
    eased="{subject} eased from {level_before} to {level}: {value} in {period}, {where} by {policy}.",
    continued="{subject} stayed {level}: {value} in {period}, {where} by {policy}.",
    confirmed="Confirmed now that {period} is final: {subject} at {value}, {where} by {policy}.",
    amended="Amended {because}: {amended}. {subject} stood at {value} in {period}, {where} by {policy}.",
    closed="Closed: {subject} at {value} in {period}, no level any more by {policy}.",
    closed_left="Closed: {subject} came back to {value} in {period}, {inside} {lowest_leave} by {policy}.",
    closed_by_change=(
        "Closed {because}: {amended}. {subject} came back to {value} in {period}, {inside} {lowest_leave} by {policy}."
    ),
    closed_rule_ended="Closed: from {period} on no rule watches {subject} any more.",
    withdrawn="Withdrawn {because}: as now known, {subject} came to {value} in {period}, no alert by {policy}.",
    withdrawn_not_reached=(
        "Withdrawn {because}: as now known, {subject} came to {value} in {period} and did not reach {lowest_enter}, the"
        " least level of {policy}."
    ),
    withdrawn_value_gone="Withdrawn {because}: there is no value any more of {subject} in {period}.",
    withdrawn_joined="Withdrawn {because}: what it told of {subject} in {period} now belongs to another alert.",
    withdrawn_rule_ended="Withdrawn: no rule watched {subject} in {period} by the policy as it now stands.",
    subject="{title} of book {book}",
    subject_segment="{title} of {segment} in book {book}",
    level_from="{level} from {limit}",
    level_down_from="{level} from {limit} down",
    level_until="{level} until {inside} {limit}",
    inside={"above": "below", "below": "above"},
    levels={"none": "no alert", "amber": "amber", "red": "red"},
    policy="policy {name} v{version}",
    because="after {because}",
    later_facts="facts that came later",
    of_count="{value} ({n} of {d} {counted})",
    of_amount="{value} ({currency} {n} of {d})",
    no_value="no value",
    rose="It rose by {points} points from {value} in {period}",
    fell="It fell by {points} points from {value} in {period}",
    unchanged="It is unchanged from {value} in {period}.",
    drivers_most="; {segments} made most of it",
    drivers_largest="; its largest parts are {segments}",
    contribution="{segment} ({points})",
    amended_period="{period} is now {now}, was {then}",
    amended_more="{count} more",
    amended_joiner="; ",
    period_state="{value} ({level})",
    not_part="no part of it",
    provisional="Provisional: the period is not final.",
    note="{note}.",
    data_as_of="Data as of {day}.",
    percent="{number} %",
    comma=", ",
    last_comma=" and ",
    stop=".",
    joiner=" ",
    becauses={
        "repayment": "a back-dated repayment",
        "fact": "a back-dated fact",
        "correction": "a correction",
        "reversal": "a reversed repayment",
        "survey": "a survey that was answered later",
        "client_changed": "a change of a client's attributes",
        "policy": "a new version of the policy",
    },
)

CHINESE = Phrasebook(
    opened="{period} {subject}为 {value}，{where}（{policy}）。",
    worsened="{subject}由{level_before}升级为{level}：{period} 为 {value}，{where}（{policy}）。",
    eased="{subject}由{level_before}降为{level}：{period} 为 {value}，{where}（{policy}）。",
    continued="{subject}维持{level}：{period} 为 {value}，{where}（{policy}）。",
    confirmed="{period} 数据已最终确定，预警确认：{subject}为 {value}，{where}（{policy}）。",
    amended="{because}，预警更正：{amended}。{period} {subject}为 {value}，{where}（{policy}）。",
    closed="预警解除：{period} {subject}为 {value}，按{policy}已不构成预警。",
    closed_left="预警解除：{period} {subject}为 {value}，已回到解除线 {lowest_leave} {inside}（{policy}）。",
    closed_by_change=(
        "{because}，预警解除：{amended}。{period} {subject}为 {value}，已回到解除线 {lowest_leave} {inside}"
        "（{policy}）。"
    ),
    closed_rule_ended="预警解除：自 {period} 起，已无规则监测{subject}。",
    withdrawn="{because}，预警撤销：按现有数据，{period} {subject}为 {value}，按{policy}不构成预警。",
    withdrawn_not_reached=(
        "{because}，预警撤销：按现有数据，{period} {subject}为 {value}，未达到{policy}的最低预警线 {lowest_enter}。"
    ),
    withdrawn_value_gone="{because}，预警撤销：{period} {subject}已无数值。",
    withdrawn_joined="{because}，预警撤销：{period} {subject}的情况已并入另一条预警。",
    withdrawn_rule_ended="预警撤销：按现行政策，{period} 无规则监测{subject}。",
    subject="账簿 {book} 的{title}",
    subject_segment="账簿 {book} 中 {segment} 的{title}",
    level_from="已达{level}线 {limit}",
    level_down_from="已降至{level}线 {limit}",
    level_until="尚未回到{level}解除线 {limit} {inside}",
    inside={"above": "以下", "below": "以上"},
    levels={"none": "无预警", "amber": "黄色预警", "red": "红色预警"},
    policy="政策 {name} 第 {version} 版",
    because="因{because}",
    later_facts="后续到达的数据",
    of_count="{value}（{n}/{d} {counted}）",
    of_amount="{value}（{currency} {n}/{d}）",
    no_value="空缺",
    rose="较 {period} 的 {value} 上升 {points} 个百分点",
    fell="较 {period} 的 {value} 下降 {points} 个百分点",
    unchanged="与 {period} 的 {value} 持平。",
    drivers_most="，主要来自 {segments}",
    drivers_largest="，其中影响最大的是 {segments}",
    contribution="{segment}（{points}）",
    amended_period="{period} 现为 {now}，原为 {then}",
    amended_more="另有 {count} 期",
    amended_joiner="；",
    period_state="{value}（{level}）",
    not_part="本预警以外",
    provisional="本期尚未结束，结果为暂定。",
    note="{note}。",
    data_as_of="数据截至 {day}。",
    percent="{number}%",
    comma="、",
    last_comma="和 ",
    stop="。",
    joiner="",
    titles={
        "charge_off_rate": "核销率",
        "csat": "客户满意度（CSAT）",
        "default_rate": "违约率",
        "missed_payment_rate": "未按期还款率",
        "nps": "净推荐值（NPS）",
        "par30": "逾期 30 天以上贷款占比",
        "par60": "逾期 60 天以上贷款占比",
        "par90": "逾期 90 天以上贷款占比",
        "project_delay_rate": "里程碑延误率",
        "project_slip_rate": "项目延期率",
        "repayment_delay_rate": "还款延迟率",
        "survey_response_rate": "问卷回复率",
    },
    counted={
        "loans": "笔贷款",
        "projects": "个项目",
        "instalments": "期应还款",
        "milestones": "个里程碑",
        "answers": "份答卷",
        "invitations": "份邀请",
    },
    becauses={
        "repayment": "补记的还款",
        "fact": "补记的业务数据",
        "correction": "数据更正",
        "reversal": "还款冲正",
        "survey": "补收的问卷",
        "client_changed": "客户属性变更",
        "policy": "政策新版本生效",
    },
)

PHRASEBOOKS = {"en": ENGLISH, "zh": CHINESE}
"""By language tag."""
