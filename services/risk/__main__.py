"""`python -m services.risk`: this service on PostgreSQL and Apache Kafka."""

from services.risk.app import build
from services.risk.settings import RiskSettings
from shared.runtime.process import main

if __name__ == "__main__":
    main(RiskSettings, build)
