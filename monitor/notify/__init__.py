"""Messages out of the store: alerts, digests, operator alarms and the outbox."""
