// The tables of a person's mail, as they grew: sharing and annotations, lists of conversations, mail that came from other
// systems, mail that was deleted and can come back.

export const sharing = `
-- keywords: every keyword that a message here has had, joined by spaces, for FLAGS (RFC 9051 §7.3.5).
ALTER TABLE mailbox ADD COLUMN keywords TEXT NOT NULL DEFAULT '';
UPDATE mailbox SET keywords = coalesce((SELECT group_concat(keywords, ' ') FROM
  (SELECT DISTINCT keywords FROM placement WHERE placement.account = mailbox.account AND placement.mailbox = mailbox.id
   AND keywords <> '')), '');
-- saved_ms: when the message came into this mailbox (RFC 8514 SAVEDATE); 0: nobody noted it.
ALTER TABLE placement ADD COLUMN saved_ms INTEGER NOT NULL DEFAULT 0;
-- What an account may hold; NULL: no limit (RFC 9208).
ALTER TABLE account ADD COLUMN quota_bytes INTEGER;
ALTER TABLE account ADD COLUMN quota_messages INTEGER;
-- Annotations (RFC 5464). mailbox 0: of the account; reader 0: shared by all, else the account whose private one it is.
CREATE TABLE metadata (
  account INTEGER NOT NULL, mailbox INTEGER NOT NULL, reader INTEGER NOT NULL, entry TEXT NOT NULL, value BLOB NOT NULL,
  PRIMARY KEY (account, mailbox, reader, entry)
) STRICT, WITHOUT ROWID;
-- Who else may do what in a mailbox (RFC 4314). identifier: an address, 'anyone', or one of them after '-'.
CREATE TABLE acl (
  account INTEGER NOT NULL, mailbox INTEGER NOT NULL, identifier TEXT NOT NULL, rights TEXT NOT NULL,
  PRIMARY KEY (account, mailbox, identifier)
) STRICT, WITHOUT ROWID;
CREATE INDEX acl_by_identifier ON acl (identifier);
CREATE TRIGGER shared_gone AFTER DELETE ON account BEGIN
  DELETE FROM metadata WHERE account = OLD.id OR reader = OLD.id;
  DELETE FROM acl WHERE account = OLD.id;
END;
`

export const lists = `
-- A placement knows its email's thread (it never changes): lists and counts of conversations are read from one index.
ALTER TABLE placement ADD COLUMN thread INTEGER NOT NULL DEFAULT 0;
UPDATE placement SET thread = coalesce(
  (SELECT thread FROM email WHERE email.account = placement.account AND email.id = placement.email), 0);
CREATE INDEX placement_by_time ON placement (account, mailbox, received_ms, email, thread, home, flags);
CREATE INDEX placement_by_thread ON placement (account, mailbox, thread);
-- Whose a body is: nobody may read one that no message of theirs names.
CREATE INDEX email_by_blob ON email (account, blob);
-- Bodies that a person brought and that no message names yet; each counts in its refs until it is forgotten.
CREATE TABLE upload (
  account INTEGER NOT NULL, blob INTEGER NOT NULL, at_ms INTEGER NOT NULL, PRIMARY KEY (account, blob)
) STRICT, WITHOUT ROWID;
CREATE INDEX upload_by_time ON upload (at_ms);
-- Small things of a person, as JSON (identities, contacts, push subscriptions), and those that went.
CREATE TABLE object (
  account INTEGER NOT NULL, kind TEXT NOT NULL, id INTEGER NOT NULL, modseq INTEGER NOT NULL,
  created_modseq INTEGER NOT NULL, value TEXT NOT NULL,
  PRIMARY KEY (account, kind, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX object_push ON object (account) WHERE kind = 'push';
CREATE TABLE object_gone (
  account INTEGER NOT NULL, kind TEXT NOT NULL, modseq INTEGER NOT NULL, id INTEGER NOT NULL,
  created_modseq INTEGER NOT NULL,
  PRIMARY KEY (account, kind, modseq, id)
) STRICT, WITHOUT ROWID;
-- 'identity/ACCOUNT/ADDRESS' was a setting.
INSERT INTO object SELECT CAST(substr(key, 10) AS INTEGER), 'identity', 1000000000 + row_number() OVER (ORDER BY key), 1, 1,
  json_patch(value, json_object('email', substr(key, 10 + instr(substr(key, 10), '/'))))
  FROM setting WHERE key LIKE 'identity/%' AND json_valid(value);
DELETE FROM setting WHERE key LIKE 'identity/%';
ALTER TABLE submission ADD COLUMN modseq INTEGER NOT NULL DEFAULT 0;
ALTER TABLE submission ADD COLUMN created_modseq INTEGER NOT NULL DEFAULT 0;
-- Where a person wants a mailbox in lists, if not by its role.
CREATE TABLE mailbox_order (
  account INTEGER NOT NULL, mailbox INTEGER NOT NULL, sort_order INTEGER NOT NULL, PRIMARY KEY (account, mailbox)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER things_gone AFTER DELETE ON account BEGIN
  UPDATE blob SET refs = refs - 1 WHERE id IN (SELECT blob FROM upload WHERE account = OLD.id);
  DELETE FROM upload WHERE account = OLD.id;
  DELETE FROM mailbox_order WHERE account = OLD.id;
  DELETE FROM object WHERE account = OLD.id;
  DELETE FROM object_gone WHERE account = OLD.id;
END;
`

export const envelopes = `
-- ENVELOPE of an email as IMAP sends it (message/envelope.ts), in a table of its own: lists do not want it.
CREATE TABLE envelope (
  account INTEGER NOT NULL, email INTEGER NOT NULL, text TEXT NOT NULL, PRIMARY KEY (account, email)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER envelope_gone AFTER DELETE ON account BEGIN DELETE FROM envelope WHERE account = OLD.id; END;
`

export const moving = `
-- What was brought from other systems, so that nothing comes twice. item: 16 bytes, whatever names it there.
CREATE TABLE brought (account INTEGER NOT NULL, item BLOB NOT NULL, PRIMARY KEY (account, item)) STRICT, WITHOUT ROWID;
-- UIDs that were never given here: another system's mailbox goes on, with what it had expunged.
CREATE TABLE uid_gap (
  account INTEGER NOT NULL, mailbox INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, modseq INTEGER NOT NULL,
  PRIMARY KEY (account, mailbox, first)
) STRICT, WITHOUT ROWID;
-- UIDVALIDITY of mailboxes that came from elsewhere, living or not: never again for other messages.
CREATE TABLE adopted (
  account INTEGER NOT NULL, uid_validity INTEGER NOT NULL, PRIMARY KEY (account, uid_validity)
) STRICT, WITHOUT ROWID;
-- What POP3 called a message elsewhere, where that is not what it would be called here.
CREATE TABLE kept_uidl (
  account INTEGER NOT NULL, mailbox INTEGER NOT NULL, uid INTEGER NOT NULL, uidl TEXT NOT NULL,
  PRIMARY KEY (account, mailbox, uid)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX kept_uidl_by_name ON kept_uidl (account, mailbox, uidl);
CREATE TRIGGER adopted_mailbox_gone AFTER DELETE ON mailbox BEGIN
  DELETE FROM uid_gap WHERE account = OLD.account AND mailbox = OLD.id;
  DELETE FROM kept_uidl WHERE account = OLD.account AND mailbox = OLD.id;
END;
CREATE TRIGGER brought_gone AFTER DELETE ON account BEGIN
  DELETE FROM brought WHERE account = OLD.id;
  DELETE FROM adopted WHERE account = OLD.id;
END;
`

export const deleted = `
-- What EXPUNGE would take, for STATUS DELETED (RFC 9208 §4.1.4): mostly little or nothing.
CREATE INDEX placement_deleted ON placement (account, mailbox, size) WHERE flags & 8;
`

export const undelete = `
-- Emails that left their last mailbox and can be brought back for a while; each counts in its body's refs. path, use: the
-- mailbox that it was in last.
CREATE TABLE deleted (
  account INTEGER NOT NULL, id INTEGER NOT NULL, blob INTEGER NOT NULL, size INTEGER NOT NULL, received_ms INTEGER NOT NULL,
  deleted_ms INTEGER NOT NULL, path TEXT NOT NULL, use TEXT, flags INTEGER NOT NULL, keywords TEXT NOT NULL,
  summary TEXT NOT NULL, verdict TEXT,
  PRIMARY KEY (account, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX deleted_by_time ON deleted (deleted_ms);
CREATE INDEX deleted_by_account ON deleted (account, deleted_ms, size);
CREATE TRIGGER deleted_gone AFTER DELETE ON account BEGIN
  UPDATE blob SET refs = refs - (SELECT count(*) FROM deleted WHERE account = OLD.id AND blob = blob.id)
    WHERE id IN (SELECT blob FROM deleted WHERE account = OLD.id);
  DELETE FROM deleted WHERE account = OLD.id;
END;
`

export const marked = `
-- What people look for among very many messages: those not seen, and those that were answered, flagged, deleted or begun.
CREATE INDEX placement_unseen ON placement (account, mailbox, uid) WHERE flags & 1 = 0;
CREATE INDEX placement_marked ON placement (account, mailbox, uid, flags) WHERE flags & 30 <> 0;
`
