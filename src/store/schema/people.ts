// The tables of what belongs to a person beside the mail: what was taught, Sieve scripts, contacts, groups, certificates.

export const lessons = `
-- What a person's handling of a message says of it, until it is learned. It names the body (and counts in its refs).
-- told: said outright (to Junk, out of it); else only shown (answered, filed, read and kept).
CREATE TABLE lesson (
  id INTEGER PRIMARY KEY AUTOINCREMENT, account INTEGER NOT NULL, email INTEGER NOT NULL, blob INTEGER NOT NULL,
  is_spam INTEGER NOT NULL, told INTEGER NOT NULL, verdict TEXT
) STRICT;
CREATE UNIQUE INDEX lesson_by_email ON lesson (account, email);
-- What was learned, as bytes. owner: an account, or 0, -1, … for the system.
CREATE TABLE learned (owner INTEGER PRIMARY KEY, state BLOB NOT NULL) STRICT;
-- Up to which UID of the inbox it was looked at what was read and kept.
CREATE TABLE seasoned (account INTEGER PRIMARY KEY, uid INTEGER NOT NULL) STRICT;
-- What a person taught goes with the account.
CREATE TRIGGER taught_gone AFTER DELETE ON account BEGIN
  UPDATE blob SET refs = refs - (SELECT count(*) FROM lesson WHERE account = OLD.id AND blob = blob.id)
    WHERE id IN (SELECT blob FROM lesson WHERE account = OLD.id);
  DELETE FROM lesson WHERE account = OLD.id;
  DELETE FROM learned WHERE owner = OLD.id;
  DELETE FROM seasoned WHERE account = OLD.id;
END;
`

export const scripts = `
-- Sieve scripts (RFC 5804); the text is a body, and counts in its refs.
CREATE TABLE script (
  account INTEGER NOT NULL, id INTEGER NOT NULL, name TEXT NOT NULL, blob INTEGER NOT NULL, active INTEGER NOT NULL,
  PRIMARY KEY (account, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX script_by_name ON script (account, name);
-- The answer for while a person is away (RFC 8621 §8), as JSON.
CREATE TABLE vacation (account INTEGER PRIMARY KEY, response TEXT NOT NULL) STRICT;
-- What a person's script must know again for a while: whom it answered, and what came twice. key: SHA-256.
CREATE TABLE seen (
  account INTEGER NOT NULL, key BLOB NOT NULL, expires_ms INTEGER NOT NULL, PRIMARY KEY (account, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX seen_by_end ON seen (account, expires_ms);
CREATE TRIGGER sorted_gone AFTER DELETE ON account BEGIN
  UPDATE blob SET refs = refs - (SELECT count(*) FROM script WHERE account = OLD.id AND blob = blob.id)
    WHERE id IN (SELECT blob FROM script WHERE account = OLD.id);
  DELETE FROM script WHERE account = OLD.id;
  DELETE FROM vacation WHERE account = OLD.id;
  DELETE FROM seen WHERE account = OLD.id;
END;
`

export const contacts = `
INSERT INTO object SELECT id, 'addressbook', 1000000001, modseq, modseq, '{"name":"Contacts","isDefault":true}' FROM account;
`

export const groups = `
-- An address that stands for several. owner: who answers for it; members: addresses, JSON.
CREATE TABLE address_group (address TEXT PRIMARY KEY, owner TEXT NOT NULL, members TEXT NOT NULL) STRICT, WITHOUT ROWID;
`

export const taughtLater = `
-- Messages that were flagged many at once, as a range of UIDs: those that still have this MODSEQ are lessons to be noted.
CREATE TABLE taught_later (
  id INTEGER PRIMARY KEY AUTOINCREMENT, account INTEGER NOT NULL, mailbox INTEGER NOT NULL, modseq INTEGER NOT NULL,
  first INTEGER NOT NULL, last INTEGER NOT NULL
) STRICT;
CREATE TRIGGER taught_later_gone AFTER DELETE ON account BEGIN DELETE FROM taught_later WHERE account = OLD.id; END;
`

export const certificates = `
-- Whose a client's certificate is, by its key.
CREATE INDEX object_certificate ON object (json_extract(value, '$.key')) WHERE kind = 'certificate';
`
