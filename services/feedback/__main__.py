"""`python -m services.feedback`: this service on PostgreSQL and Apache Kafka."""

from services.feedback.app import build
from services.feedback.settings import FeedbackSettings
from shared.runtime.process import main

if __name__ == "__main__":
    main(FeedbackSettings, build)
