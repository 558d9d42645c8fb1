"""The log: topics, partitions, records; Apache Kafka or SQLite behind one port."""
