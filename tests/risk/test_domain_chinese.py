"""The same sentences in Chinese: every turn of an alert's life, word by word."""

import pytest

from services.risk.domain.explanation import SERIES_PERIODS, Circumstances
from services.risk.domain.indicators import INDICATORS
from services.risk.domain.phrases import CHINESE, ENGLISH
from services.risk.domain.policy import Direction, Policy, PolicyVersion, Rule, Threshold
from services.risk.domain.sentence import sentence
from tests.risk.telling import HISTORY, LAST_MONTHS, MISSED, PAR, REGIONS, Telling, observed


def test_the_crisis_in_chinese() -> None:
    telling = Telling()
    drivers = Circumstances(title="Missed payments", drivers={"region": REGIONS})
    assert telling.tell(observed(LAST_MONTHS[:3]), drivers, language="zh") == [
        "2020-04 账簿 auto 的未按期还款率为 20.5%（353/1,722 笔贷款），已达红色预警线 18.0%（政策 demo 第 1 版）。"
        "较 2020-03 的 11.1% 上升 9.4 个百分点，主要来自 region=TX（+2.8）、region=CA（+2.0）和 region=FL（+1.6）。"
        "数据截至 2020-04-30。"
    ]
    assert telling.tell(observed(LAST_MONTHS), language="zh")[2:] == [
        "账簿 auto 的未按期还款率维持红色预警：2020-07 为 15.7%（260/1,656 笔贷款），尚未回到红色预警解除线 14.0% 以下"
        "（政策 demo 第 1 版）。较 2020-06 的 18.5% 下降 2.8 个百分点。数据截至 2020-07-31。",
        "预警解除：2020-08 账簿 auto 的未按期还款率为 9.6%（157/1,635 笔贷款），已回到解除线 11.0% 以下"
        "（政策 demo 第 1 版）。较 2020-07 的 15.7% 下降 6.1 个百分点。数据截至 2020-08-31。",
    ]


def test_levels_rise_and_fall_in_chinese() -> None:
    figures = observed([("2020-04", 140, 1_000), ("2020-05", 190, 1_000), ("2020-06", 130, 1_000)])
    assert Telling().tell(figures, language="zh") == [
        "2020-04 账簿 auto 的未按期还款率为 14.0%（140/1,000 笔贷款），已达黄色预警线 13.0%（政策 demo 第 1 版）。"
        "数据截至 2020-04-30。",
        "账簿 auto 的未按期还款率由黄色预警升级为红色预警：2020-05 为 19.0%（190/1,000 笔贷款），已达红色预警线 18.0%"
        "（政策 demo 第 1 版）。较 2020-04 的 14.0% 上升 5.0 个百分点。数据截至 2020-05-31。",
        "账簿 auto 的未按期还款率由红色预警降为黄色预警：2020-06 为 13.0%（130/1,000 笔贷款），已达黄色预警线 13.0%"
        "（政策 demo 第 1 版）。较 2020-05 的 19.0% 下降 6.0 个百分点。数据截至 2020-06-30。",
    ]


def test_notes_are_the_policys_chinese_ones_and_else_its_english_ones() -> None:
    weekend = Circumstances(title="Missed payments", off_work_end=True, data_age_days=2)
    [said] = Telling().tell(observed([("2018-09", 243, 1_723)]), weekend, language="zh")
    assert said.endswith("。月末为非工作日，顺延至下一工作日的还款计入下月。数据截至 2018-09-28。")
    [said] = Telling(PAR).tell(observed([("2020-04", 351_241_042, 1_996_000_000)]), language="zh")
    assert said == (
        "2020-04 账簿 auto 的逾期 30 天以上贷款占比为 17.6%（USD 3,512,410/19,960,000），已达黄色预警线 15.0%"
        "（政策 demo 第 1 版）。本数据未标注展期，已展期的贷款仍按逾期计。数据截至 2020-04-30。"
    )
    rule = Rule(
        id="r", book="auto", indicator="missed_payment_rate", owner="o", amber=Threshold(0.1, 0.1), note="mind the gap"
    )
    history = [PolicyVersion(Policy(name="p", rules=(rule,)), 1, HISTORY[0].known_at)]
    [said] = Telling(history=history).tell(observed([("2020-04", 190, 1_000)]), language="zh")
    assert said.endswith("。Mind the gap。数据截至 2020-04-30。")


def test_a_changed_past_in_chinese() -> None:
    telling = Telling()
    telling.tell(observed([("2020-03", 132, 1_000)]))
    repaid = Circumstances(title="Missed payments", because="repayment")
    assert telling.tell(observed([("2020-03", 124, 1_000)]), repaid, language="zh") == [
        "因补记的还款，预警撤销：按现有数据，2020-03 账簿 auto 的未按期还款率为 12.4%（124/1,000 笔贷款），"
        "未达到政策 demo 第 1 版的最低预警线 13.0%。数据截至 2020-03-31。"
    ]
    telling = Telling()
    telling.tell(observed([("2020-03", 132, 1_000), ("2020-04", 150, 1_000)]))
    [said] = telling.tell(observed([("2020-03", 190, 1_000), ("2020-04", 150, 1_000)]), language="zh")
    assert said.startswith(
        "因后续到达的数据，预警更正：2020-03 现为 19.0%（红色预警），原为 13.2%（黄色预警）；"
        "2020-04 现为 15.0%（红色预警），原为 15.0%（黄色预警）。2020-04 账簿 auto 的未按期还款率为 15.0%"
    )
    [said] = telling.tell(observed([("2020-03", 190, 1_000), ("2020-04", 50, 1_000)]), language="zh")
    assert said.startswith(
        "因后续到达的数据，预警解除：2020-04 现为 5.0%（无预警），原为 15.0%（红色预警）。"
        "2020-04 账簿 auto 的未按期还款率为 5.0%（50/1,000 笔贷款），已回到解除线 11.0% 以下（政策 demo 第 1 版）。"
    )
    telling = Telling()
    telling.tell(observed([("2020-04", 140, 1_000)]))
    assert telling.tell(observed([("2020-04", 0, 0)]), language="zh") == [
        "因后续到达的数据，预警撤销：2020-04 账簿 auto 的未按期还款率已无数值。数据截至 2020-04-30。"
    ]


def test_provisional_and_confirmed_in_chinese() -> None:
    rule = Rule(
        id="c", book="auto", indicator="charge_off_rate", owner="o", amber=Threshold(0.01, 0.005), segments=("region",)
    )
    history = [PolicyVersion(Policy(name="loss", rules=(rule,)), 3, HISTORY[0].known_at)]
    telling = Telling(MISSED._replace(indicator="charge_off_rate", segment="region=TX"), history)
    assert telling.tell(observed([("2020-04", 2, 100)], final=False), while_open=True, language="zh") == [
        "2020-04 账簿 auto 中 region=TX 的核销率为 2.0%（2/100 笔贷款），已达黄色预警线 1.0%（政策 loss 第 3 版）。"
        "本期尚未结束，结果为暂定。数据截至 2020-04-30。"
    ]
    assert telling.tell(observed([("2020-04", 3, 100)]), while_open=True, language="zh") == [
        "2020-04 数据已最终确定，预警确认：账簿 auto 中 region=TX 的核销率为 3.0%（3/100 笔贷款），已达黄色预警线 1.0%"
        "（政策 loss 第 3 版）。数据截至 2020-04-30。"
    ]


def test_a_fall_below_a_level_in_chinese() -> None:
    rule = Rule(
        id="b",
        book="auto",
        indicator="missed_payment_rate",
        owner="o",
        direction=Direction.BELOW,
        red=Threshold(0.1, 0.2),
    )
    history = [PolicyVersion(Policy(name="low", rules=(rule,)), 1, HISTORY[0].known_at)]
    telling = Telling(MISSED._replace(direction=Direction.BELOW), history)
    said = telling.tell(observed([("2020-04", 5, 100), ("2020-05", 15, 100), ("2020-06", 30, 100)]), language="zh")
    assert [one.split("。")[0] for one in said] == [
        "2020-04 账簿 auto 的未按期还款率为 5.0%（5/100 笔贷款），已降至红色预警线 10.0%（政策 low 第 1 版）",
        "账簿 auto 的未按期还款率维持红色预警：2020-05 为 15.0%（15/100 笔贷款），尚未回到红色预警解除线 20.0% 以上"
        "（政策 low 第 1 版）",
        "预警解除：2020-06 账簿 auto 的未按期还款率为 30.0%（30/100 笔贷款），已回到解除线 20.0% 以上"
        "（政策 low 第 1 版）",
    ]


@pytest.mark.parametrize("name", sorted(INDICATORS))
def test_every_indicator_has_a_chinese_name(name: str) -> None:
    assert name in CHINESE.titles


def test_what_changes_the_past_has_a_name_in_both_languages() -> None:
    assert CHINESE.becauses.keys() == ENGLISH.becauses.keys()
    telling = Telling()
    telling.tell(observed([("2020-03", 132, 1_000)]))
    telling.tell(observed([("2020-03", 124, 1_000)]), Circumstances(title="Missed payments", because="reversal"))
    assert sentence(telling.explained[-1]).startswith("Withdrawn after a reversed repayment: ")
    assert sentence(telling.explained[-1], "zh").startswith("因还款冲正，预警撤销：")


def test_an_explanation_carries_the_last_periods_with_their_levels() -> None:
    telling = Telling()
    telling.tell(observed([("2020-01", 0, 0), *LAST_MONTHS[:4], ("2020-06", 0, 0)]))
    first, last = telling.explained[0], telling.explained[-1]
    assert [(one.period, one.level) for one in first.series] == [
        ("2020-02", "none"),
        ("2020-03", "none"),
        ("2020-04", "red"),
    ]
    april = first.series[-1]
    assert (april.as_of, april.numerator, april.denominator, april.final) == ("2020-04-30", 353, 1_722, True)
    assert (last.period, last.series[-1].period, last.peak_level, last.level_before) == ("2020-05",) * 2 + ("red",) * 2
    months = [(f"20{year}-{month:02}", 1, 100) for year in range(10, 20) for month in range(1, 13)]
    telling = Telling()
    telling.tell(observed([*months, ("2020-01", 90, 100)]))
    [only] = telling.explained
    assert only.series[-1].value == 0.9
    assert len(only.series) == SERIES_PERIODS
    assert (only.series[0].period, only.series[-1].period) == ("2018-02", "2020-01")
