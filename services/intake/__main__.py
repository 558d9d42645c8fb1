"""`python -m services.intake`: this service on PostgreSQL and Apache Kafka."""

from services.intake.app import build
from services.intake.settings import IntakeSettings
from shared.runtime.process import main

if __name__ == "__main__":
    main(IntakeSettings, build)
