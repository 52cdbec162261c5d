// The tables of what Authors and partners send: what was sent, what failed, how they are counted, and where a message is.

export const sent = `
-- What an Author sent, in the order in which it was taken, for as long as its events are kept. about: JSON.
CREATE TABLE sent (
  id INTEGER PRIMARY KEY AUTOINCREMENT, account INTEGER NOT NULL, trace TEXT NOT NULL, at_ms INTEGER NOT NULL, about TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX sent_by_trace ON sent (trace);
CREATE INDEX sent_by_account ON sent (account);
-- Requests that are done once, by the key that their program gave them. digest: of what was asked; answer: '' while it is done.
CREATE TABLE once (
  account INTEGER NOT NULL, key BLOB NOT NULL, digest BLOB NOT NULL, answer TEXT NOT NULL, at_ms INTEGER NOT NULL,
  PRIMARY KEY (account, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX once_by_time ON once (at_ms);
CREATE INDEX object_webhook ON object (account) WHERE kind = 'webhook';
CREATE TRIGGER sent_gone AFTER DELETE ON account BEGIN
  DELETE FROM sent WHERE account = OLD.id;
  DELETE FROM once WHERE account = OLD.id;
END;
`

export const bounces = `
-- Addresses that mail is not sent to any more. owner: an Author's address, or a domain for all its Authors; lower case.
CREATE TABLE suppressed (
  owner TEXT NOT NULL, address TEXT NOT NULL, reason TEXT NOT NULL, said TEXT NOT NULL, at_ms INTEGER NOT NULL,
  PRIMARY KEY (owner, address)
) STRICT, WITHOUT ROWID;
CREATE INDEX suppressed_by_address ON suppressed (address);
-- Recipients of an Author that failed in a day (UTC), by class.
CREATE TABLE bounced (
  author TEXT NOT NULL, day INTEGER NOT NULL, reason TEXT NOT NULL, count INTEGER NOT NULL,
  PRIMARY KEY (author, day, reason)
) STRICT, WITHOUT ROWID;
`

export const outgoing = `
-- What Authors and contract partners send, counted (roles/outgoing). hour: since 1970. acquainted: messages to people they
-- know; strangers: recipients they never wrote to; suspects: messages that look like spam; refused: by the other side for
-- good.
CREATE TABLE outgoing_hour (
  sender TEXT NOT NULL, hour INTEGER NOT NULL, acquainted INTEGER NOT NULL, recipients INTEGER NOT NULL,
  strangers INTEGER NOT NULL, suspects INTEGER NOT NULL, refused INTEGER NOT NULL, complaints INTEGER NOT NULL,
  PRIMARY KEY (sender, hour)
) STRICT, WITHOUT ROWID;
CREATE INDEX outgoing_hour_by_age ON outgoing_hour (hour);
-- How many strangers got much the same text; hour: the last of them.
CREATE TABLE outgoing_like (
  sender TEXT NOT NULL, print INTEGER NOT NULL, hour INTEGER NOT NULL, strangers INTEGER NOT NULL,
  PRIMARY KEY (sender, print)
) STRICT, WITHOUT ROWID;
CREATE INDEX outgoing_like_by_age ON outgoing_like (hour);
-- To whom an account wrote, as 52 bits of a digest, and when last: days since 1970, about.
CREATE TABLE acquaintance (
  account INTEGER NOT NULL, print INTEGER NOT NULL, day INTEGER NOT NULL, PRIMARY KEY (account, print)
) STRICT, WITHOUT ROWID;
CREATE INDEX acquaintance_by_age ON acquaintance (day);
-- Where they stand: JSON.
CREATE TABLE outgoing_standing (sender TEXT PRIMARY KEY, standing TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TRIGGER outgoing_gone AFTER DELETE ON account BEGIN
  DELETE FROM outgoing_hour WHERE sender = 'author ' || OLD.id;
  DELETE FROM outgoing_like WHERE sender = 'author ' || OLD.id;
  DELETE FROM outgoing_standing WHERE sender = 'author ' || OLD.id;
  DELETE FROM acquaintance WHERE account = OLD.id;
END;
-- What of the queue was slowed or held for its sender's sake.
CREATE INDEX queue_by_sender ON queue (json_extract(parameters, '$.sender'))
  WHERE json_extract(parameters, '$.sender') IS NOT NULL;
`

export const where = `
-- Where is my mail: by an address on either side, in any case, and by the IP address that it came from.
CREATE INDEX event_by_forward_path ON event (forward_path COLLATE NOCASE) WHERE forward_path <> '';
CREATE INDEX event_by_reverse_path ON event (reverse_path COLLATE NOCASE) WHERE reverse_path <> '';
CREATE INDEX event_by_ip ON event (json_extract(detail, '$.ip')) WHERE json_extract(detail, '$.ip') IS NOT NULL;
`

export const failures = `
-- How often in a row this Author's mail to it failed.
ALTER TABLE suppressed ADD COLUMN failures INTEGER NOT NULL DEFAULT 1;
`
