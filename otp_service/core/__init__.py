"""What every feature stands on: time, transactions, errors, hashing, encryption, numbers, schemas, logs."""
