"""`python -m services.notify`: this service on PostgreSQL and Apache Kafka."""

from services.notify.app import build
from services.notify.settings import NotifySettings
from shared.runtime.process import main

if __name__ == "__main__":
    main(NotifySettings, build)
