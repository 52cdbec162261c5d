// The tables of Forwarders.

export const forwards = `
-- source: the address whose mail goes on, lower case; probe: JSON.
CREATE TABLE forward (
  source TEXT PRIMARY KEY, account INTEGER NOT NULL, target TEXT NOT NULL, keep INTEGER NOT NULL, state TEXT NOT NULL,
  code TEXT NOT NULL, probe TEXT NOT NULL, added_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX forward_by_account ON forward (account);
CREATE TABLE forward_health (
  source TEXT PRIMARY KEY, refusals INTEGER NOT NULL, paused_ms INTEGER, last_reply TEXT NOT NULL
) STRICT, WITHOUT ROWID;
`
