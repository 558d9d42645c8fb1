"""From real Apache Kafka through risk into real PostgreSQL: risk, its limits and its peers on the same facts."""
