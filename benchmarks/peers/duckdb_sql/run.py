"""`python -m benchmarks.peers.duckdb_sql.run FACTS FOLDER`: rates of all months recomputed by SQL from Parquet.

A tenth of the facts are loans of 24 instalments in 20 regions, the others repayments, in files as they would be kept;
10,000 new repayments are one more file. What is timed reads all of it again: for each region and month how many loans
were due and how many of those paid nothing. Printed: the best of three in seconds of wall and of processor.
"""

import sys
import time
from pathlib import Path

import duckdb

_LOANS = """
COPY (SELECT 'l' || i AS loan, 'R' || (i % 20) AS region, (24289 + i % 4)::INTEGER AS first_month
      FROM range({loans}) t(i))
TO '{folder}/loans.parquet'
"""
_PAID = """
COPY (SELECT 'l' || (i % {loans}) AS loan, (24289 + (i % {loans}) % 4 + i // {loans})::INTEGER AS month, 11000 AS amount
      FROM range({begin}, {end}) t(i) WHERE i % 97 > 0)
TO '{folder}/paid-{begin}.parquet'
"""
_RATES = """
SELECT region, month, count(*) AS due, count(*) FILTER (WHERE paid IS NULL) AS missed
FROM (SELECT loan, region, unnest(range(first_month, first_month + 24)) AS month FROM '{folder}/loans.parquet')
LEFT JOIN (SELECT loan, month, sum(amount) AS paid FROM '{folder}/paid-*.parquet' GROUP BY ALL) USING (loan, month)
GROUP BY ALL ORDER BY ALL
"""


def run(facts: int, folder: Path) -> tuple[float, float]:
    """Write the facts, recompute three times; return the best wall and processor seconds."""
    base = duckdb.connect()
    base.execute("SET threads = 2")
    loans = facts // 10
    base.execute(_LOANS.format(loans=loans, folder=folder))
    for begin, end in ((0, facts - loans), (facts - loans, facts - loans + 10_000)):
        base.execute(_PAID.format(loans=loans, folder=folder, begin=begin, end=end))
    best = (float("inf"), float("inf"))
    for _ in range(3):
        wall, spent = time.perf_counter(), time.process_time()
        rows = base.execute(_RATES.format(folder=folder)).fetchall()
        best = min(best, (time.perf_counter() - wall, time.process_time() - spent))
        assert sum(due for _, _, due, _ in rows) == loans * 24
    return best


if __name__ == "__main__":
    print(*run(int(sys.argv[1]), Path(sys.argv[2])))
