-- Rows of telemetry whose time is trusted are kept as they leave, their time in front of the body; they have synced = 2.
-- An older edgeguard must not read them; nothing else changes.
SELECT 1;
