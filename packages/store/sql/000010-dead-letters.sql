-- When somebody began to send a dead letter again: it may be in the log although nobody marked it.
ALTER TABLE dead_letters ADD COLUMN redrive_started_at timestamptz;
