-- What an alarm remembers beyond its state: holds with their ends, first-out, escalation; JSON, NULL where there is nothing.
ALTER TABLE alarm_states ADD COLUMN more TEXT;
