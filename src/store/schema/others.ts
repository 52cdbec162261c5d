// The tables of what is remembered of other systems.

export const policies = `
-- MTA-STS policies of domains that mail was sent to (RFC 8461); policy: JSON. Kept at most as long as each says itself.
CREATE TABLE sts_policy (
  domain TEXT PRIMARY KEY, id TEXT NOT NULL, policy TEXT NOT NULL, fetched_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sts_policy_by_age ON sts_policy (fetched_ms);
`

export const strangers = `
-- What the Border remembers of strangers (filter/memory.ts): greylisting, reputation, correspondents.
CREATE TABLE remembered (key TEXT PRIMARY KEY, value TEXT NOT NULL, expires_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;
`
