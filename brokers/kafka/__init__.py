"""Apache Kafka, and what speaks its protocol, by kafka-python."""
