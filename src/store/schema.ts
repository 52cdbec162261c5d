// The store's tables, as numbered migrations: number n brings a database from version n-1 to n, in one transaction.
// Everything of a person is keyed by account first (so that the same tables can be sharded by account), mail tables
// are WITHOUT ROWID (one B-tree each), and there is no index that no read of Store uses: each costs every delivery.
// A released migration is never edited.

import type { Database } from '../world/disk.ts'

const first = `
CREATE TABLE setting (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

-- modseq: one counter for everything of an account; next_id: the next mailbox or submission;
-- changes_after: the change log is whole for every state from here on.
CREATE TABLE account (
  id INTEGER PRIMARY KEY, address TEXT NOT NULL UNIQUE, display_name TEXT NOT NULL, credentials TEXT,
  modseq INTEGER NOT NULL, next_id INTEGER NOT NULL, changes_after INTEGER NOT NULL, created_ms INTEGER NOT NULL
) STRICT;
-- Primary addresses (position 0) and aliases, lower case.
CREATE TABLE address (address TEXT PRIMARY KEY, account INTEGER NOT NULL, position INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX address_by_account ON address (account, position);
CREATE TABLE trusted_forwarder (
  account INTEGER NOT NULL, domain TEXT NOT NULL, old_address TEXT NOT NULL, added_ms INTEGER NOT NULL,
  PRIMARY KEY (account, domain)
) STRICT, WITHOUT ROWID;

-- highest_modseq: of the messages in it (RFC 7162); modseq: of anything, counts included (JMAP Mailbox/changes).
CREATE TABLE mailbox (
  account INTEGER NOT NULL, id INTEGER NOT NULL, path TEXT NOT NULL, special_use TEXT,
  uid_validity INTEGER NOT NULL, uid_next INTEGER NOT NULL, highest_modseq INTEGER NOT NULL,
  modseq INTEGER NOT NULL, created_modseq INTEGER NOT NULL,
  total INTEGER NOT NULL, unseen INTEGER NOT NULL, size INTEGER NOT NULL,
  PRIMARY KEY (account, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX mailbox_by_path ON mailbox (account, path);
CREATE TABLE mailbox_gone (
  account INTEGER NOT NULL, modseq INTEGER NOT NULL, id INTEGER NOT NULL, created_modseq INTEGER NOT NULL,
  PRIMARY KEY (account, modseq, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE subscription (account INTEGER NOT NULL, path TEXT NOT NULL, PRIMARY KEY (account, path)) STRICT, WITHOUT ROWID;

-- refs: emails and queue entries that name it; a body with none is dead and swept later (compact.ts).
CREATE TABLE blob (
  id INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, segment INTEGER NOT NULL, offset INTEGER NOT NULL,
  size INTEGER NOT NULL, refs INTEGER NOT NULL
) STRICT;
CREATE INDEX blob_by_segment ON blob (segment, offset);
CREATE INDEX blob_dead ON blob (id) WHERE refs = 0;

-- An email's id is the MODSEQ at which it was made, and a thread's id is that of its first email: so what was created
-- after a state is found by key, and a delivery writes no log. mailbox, uid: its home, one of its placements; nearly
-- every email has just this one, so only the others are indexed by email. Likewise a thread's first email is no index entry.
CREATE TABLE email (
  account INTEGER NOT NULL, id INTEGER NOT NULL, thread INTEGER NOT NULL, blob INTEGER NOT NULL, size INTEGER NOT NULL,
  received_ms INTEGER NOT NULL, modseq INTEGER NOT NULL, mailbox INTEGER NOT NULL, uid INTEGER NOT NULL,
  summary TEXT NOT NULL, verdict TEXT,
  PRIMARY KEY (account, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX email_by_thread ON email (account, thread) WHERE thread <> id;
-- flags: bits of the system flags; keywords: sorted, joined by spaces. received_ms and size as in email, for lists and counts.
CREATE TABLE placement (
  account INTEGER NOT NULL, mailbox INTEGER NOT NULL, uid INTEGER NOT NULL, email INTEGER NOT NULL, home INTEGER NOT NULL,
  flags INTEGER NOT NULL, keywords TEXT NOT NULL, modseq INTEGER NOT NULL,
  received_ms INTEGER NOT NULL, size INTEGER NOT NULL,
  PRIMARY KEY (account, mailbox, uid)
) STRICT, WITHOUT ROWID;
CREATE INDEX placement_by_email ON placement (account, email) WHERE home = 0;
CREATE TABLE expunged (
  account INTEGER NOT NULL, mailbox INTEGER NOT NULL, modseq INTEGER NOT NULL, uid INTEGER NOT NULL,
  PRIMARY KEY (account, mailbox, modseq, uid)
) STRICT, WITHOUT ROWID;
-- Which thread a Message-ID with a base subject belongs to; key: see threads.ts.
CREATE TABLE thread_key (
  account INTEGER NOT NULL, key INTEGER NOT NULL, thread INTEGER NOT NULL, PRIMARY KEY (account, key)
) STRICT, WITHOUT ROWID;
-- What happened to emails after they were made, in MODSEQ order. thread: that of a destroyed email, 0 when it was updated.
CREATE TABLE change (
  account INTEGER NOT NULL, modseq INTEGER NOT NULL, email INTEGER NOT NULL, thread INTEGER NOT NULL,
  PRIMARY KEY (account, modseq, email)
) STRICT, WITHOUT ROWID;
CREATE TABLE submission (
  account INTEGER NOT NULL, id INTEGER NOT NULL, email INTEGER NOT NULL, identity TEXT NOT NULL, trace TEXT NOT NULL,
  reverse_path TEXT NOT NULL, forward_paths TEXT NOT NULL, send_ms INTEGER NOT NULL, undo_status TEXT NOT NULL,
  PRIMARY KEY (account, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE queue (
  id INTEGER PRIMARY KEY AUTOINCREMENT, trace TEXT NOT NULL, blob INTEGER NOT NULL,
  reverse_path TEXT NOT NULL, forward_path TEXT NOT NULL, domain TEXT NOT NULL,
  accepted_ms INTEGER NOT NULL, next_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL, attempts INTEGER NOT NULL,
  state TEXT NOT NULL, last_reply TEXT NOT NULL, parameters TEXT NOT NULL, origin TEXT NOT NULL
) STRICT;
CREATE INDEX queue_due ON queue (next_ms) WHERE state = 'waiting';
CREATE INDEX queue_by_domain ON queue (domain);
CREATE INDEX queue_by_trace ON queue (trace);
-- Transactions accepted lately, so that an exact repetition by a relay is known.
CREATE TABLE arrival (digest BLOB PRIMARY KEY, trace TEXT NOT NULL, at_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX arrival_by_time ON arrival (at_ms);
CREATE TABLE event (
  id INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER NOT NULL, trace TEXT NOT NULL, role TEXT NOT NULL,
  kind TEXT NOT NULL, message_id TEXT NOT NULL, reverse_path TEXT NOT NULL, forward_path TEXT NOT NULL,
  text TEXT NOT NULL, detail TEXT NOT NULL
) STRICT;
CREATE INDEX event_by_trace ON event (trace);
CREATE INDEX event_by_message_id ON event (message_id) WHERE message_id <> '';
`

const second = `
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

const reports = `
-- What this agent saw of a domain in a day (UTC), counted, until the report about it is out. kind: 'dmarc' (RFC 9990) or
-- 'tls' (RFC 8460); worthy: messages that are worth a report; omitted: messages beyond the limits.
CREATE TABLE report_duty (
  kind TEXT NOT NULL, domain TEXT NOT NULL, day INTEGER NOT NULL, state TEXT NOT NULL, due_ms INTEGER NOT NULL,
  attempts INTEGER NOT NULL, rows INTEGER NOT NULL, messages INTEGER NOT NULL, worthy INTEGER NOT NULL,
  omitted INTEGER NOT NULL, outcome TEXT NOT NULL, about TEXT NOT NULL,
  PRIMARY KEY (kind, domain, day)
) STRICT, WITHOUT ROWID;
CREATE INDEX report_duty_due ON report_duty (due_ms, rows) WHERE state = 'collecting';
CREATE TABLE report_row (
  kind TEXT NOT NULL, domain TEXT NOT NULL, day INTEGER NOT NULL, key BLOB NOT NULL, count INTEGER NOT NULL,
  row TEXT NOT NULL,
  PRIMARY KEY (kind, domain, day, key)
) STRICT, WITHOUT ROWID;
-- Mail that may hold a report and was not looked into yet.
CREATE TABLE report_pending (
  id INTEGER PRIMARY KEY, account INTEGER NOT NULL, email INTEGER NOT NULL, proven_domain TEXT NOT NULL
) STRICT;
-- Reports that others sent. about: the domain, or the Author whose message was complained of; proven_domain: who sent it,
-- '' when that is not proven; bytes: of content.
CREATE TABLE report (
  id INTEGER PRIMARY KEY AUTOINCREMENT, key BLOB NOT NULL UNIQUE, kind TEXT NOT NULL, about TEXT NOT NULL,
  organization TEXT NOT NULL, proven_domain TEXT NOT NULL, begin_ms INTEGER NOT NULL, end_ms INTEGER NOT NULL,
  received_ms INTEGER NOT NULL, bytes INTEGER NOT NULL, content TEXT NOT NULL
) STRICT;
CREATE INDEX report_by_about ON report (about, kind, received_ms);
CREATE INDEX report_by_time ON report (received_ms);
`

const policies = `
-- MTA-STS policies of domains that mail was sent to (RFC 8461); policy: JSON. Kept at most as long as each says itself.
CREATE TABLE sts_policy (
  domain TEXT PRIMARY KEY, id TEXT NOT NULL, policy TEXT NOT NULL, fetched_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sts_policy_by_age ON sts_policy (fetched_ms);
`

const strangers = `
-- What the Border remembers of strangers (filter/memory.ts): greylisting, reputation, correspondents.
CREATE TABLE remembered (key TEXT PRIMARY KEY, value TEXT NOT NULL, expires_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;
`

const lessons = `
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

const scripts = `
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

const complaints = `
-- Messages that a person moved to Junk and whose sender may want to hear of it: each is told once.
CREATE TABLE complaint (
  id INTEGER PRIMARY KEY AUTOINCREMENT, account INTEGER NOT NULL, email INTEGER NOT NULL, done INTEGER NOT NULL,
  UNIQUE (account, email)
) STRICT;
CREATE INDEX complaint_due ON complaint (id) WHERE done = 0;
CREATE TRIGGER reported_gone AFTER DELETE ON account BEGIN
  DELETE FROM complaint WHERE account = OLD.id;
  DELETE FROM report_pending WHERE account = OLD.id;
END;
`

const reportDays = `
CREATE INDEX report_duty_by_day ON report_duty (day);
`

const sharing = `
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

const lists = `
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

const journal = `
-- The last record of the journal that is applied here. A store that is older than its journal begins at 1: what it held
-- then is in its first snapshot only.
CREATE TABLE journal (applied INTEGER NOT NULL) STRICT;
INSERT INTO journal SELECT EXISTS (SELECT 1 FROM account UNION ALL SELECT 1 FROM setting UNION ALL SELECT 1 FROM queue
  UNION ALL SELECT 1 FROM event UNION ALL SELECT 1 FROM remembered UNION ALL SELECT 1 FROM sts_policy
  UNION ALL SELECT 1 FROM report_duty);
`

const envelopes = `
-- ENVELOPE of an email as IMAP sends it (message/envelope.ts), in a table of its own: lists do not want it.
CREATE TABLE envelope (
  account INTEGER NOT NULL, email INTEGER NOT NULL, text TEXT NOT NULL, PRIMARY KEY (account, email)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER envelope_gone AFTER DELETE ON account BEGIN DELETE FROM envelope WHERE account = OLD.id; END;
`

const moving = `
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

const contacts = `
INSERT INTO object SELECT id, 'addressbook', 1000000001, modseq, modseq, '{"name":"Contacts","isDefault":true}' FROM account;
`

const groups = `
-- An address that stands for several. owner: who answers for it; members: addresses, JSON.
CREATE TABLE address_group (address TEXT PRIMARY KEY, owner TEXT NOT NULL, members TEXT NOT NULL) STRICT, WITHOUT ROWID;
`

const taughtLater = `
-- Messages that were flagged many at once, as a range of UIDs: those that still have this MODSEQ are lessons to be noted.
CREATE TABLE taught_later (
  id INTEGER PRIMARY KEY AUTOINCREMENT, account INTEGER NOT NULL, mailbox INTEGER NOT NULL, modseq INTEGER NOT NULL,
  first INTEGER NOT NULL, last INTEGER NOT NULL
) STRICT;
CREATE TRIGGER taught_later_gone AFTER DELETE ON account BEGIN DELETE FROM taught_later WHERE account = OLD.id; END;
`

const packing = `
-- stored: bytes that a body takes where it was tried to pack it (compact.ts); 0: it lies there as it came.
ALTER TABLE blob ADD COLUMN stored INTEGER NOT NULL DEFAULT 0;
`

const certificates = `
-- Whose a client's certificate is, by its key.
CREATE INDEX object_certificate ON object (json_extract(value, '$.key')) WHERE kind = 'certificate';
`

const deleted = `
-- What EXPUNGE would take, for STATUS DELETED (RFC 9208 §4.1.4): mostly little or nothing.
CREATE INDEX placement_deleted ON placement (account, mailbox, size) WHERE flags & 8;
`

const undelete = `
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

const sent = `
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

const lanes = `
-- A destination's mail at a glance: how much waits and is held, when the first is due, and until when the destination rests
-- because it did not answer (failures: so often in a row): until then its mail waits, whatever each message's own time is.
-- Kept by triggers, so that it is always true; gone with the last message.
CREATE TABLE queue_lane (
  domain TEXT PRIMARY KEY, waiting INTEGER NOT NULL, held INTEGER NOT NULL, next_ms INTEGER, rest_ms INTEGER NOT NULL,
  failures INTEGER NOT NULL, last_reply TEXT NOT NULL
) STRICT, WITHOUT ROWID;
DROP INDEX queue_due;
DROP INDEX queue_by_domain;
CREATE INDEX queue_by_lane ON queue (domain, state, next_ms);
-- What a Forwarder may still be asking its target about.
CREATE INDEX queue_asked ON queue (id) WHERE origin = 'forwarder' AND attempts = 0;
INSERT INTO queue_lane SELECT domain, sum(state = 'waiting'), sum(state <> 'waiting'),
  min(CASE state WHEN 'waiting' THEN next_ms END), 0, 0, '' FROM queue GROUP BY domain;
CREATE INDEX queue_lane_due ON queue_lane (max(next_ms, rest_ms)) WHERE next_ms IS NOT NULL;
CREATE TRIGGER queue_lane_joins AFTER INSERT ON queue BEGIN
  INSERT INTO queue_lane VALUES (NEW.domain, NEW.state = 'waiting', NEW.state <> 'waiting',
    CASE NEW.state WHEN 'waiting' THEN NEW.next_ms END, 0, 0, '')
  ON CONFLICT (domain) DO UPDATE SET waiting = waiting + excluded.waiting, held = held + excluded.held,
    next_ms = coalesce(min(next_ms, excluded.next_ms), next_ms, excluded.next_ms);
END;
CREATE TRIGGER queue_lane_changes AFTER UPDATE OF state, next_ms ON queue WHEN NEW.domain = OLD.domain BEGIN
  UPDATE queue_lane SET waiting = waiting + (NEW.state = 'waiting') - (OLD.state = 'waiting'),
    held = held + (NEW.state <> 'waiting') - (OLD.state <> 'waiting'),
    next_ms = (SELECT min(next_ms) FROM queue WHERE domain = NEW.domain AND state = 'waiting') WHERE domain = NEW.domain;
END;
CREATE TRIGGER queue_lane_moves AFTER UPDATE OF domain ON queue WHEN NEW.domain <> OLD.domain BEGIN
  INSERT INTO queue_lane VALUES (NEW.domain, NEW.state = 'waiting', NEW.state <> 'waiting',
    CASE NEW.state WHEN 'waiting' THEN NEW.next_ms END, 0, 0, '')
  ON CONFLICT (domain) DO UPDATE SET waiting = waiting + excluded.waiting, held = held + excluded.held,
    next_ms = coalesce(min(next_ms, excluded.next_ms), next_ms, excluded.next_ms);
  UPDATE queue_lane SET waiting = waiting - (OLD.state = 'waiting'), held = held - (OLD.state <> 'waiting'),
    next_ms = (SELECT min(next_ms) FROM queue WHERE domain = OLD.domain AND state = 'waiting') WHERE domain = OLD.domain;
  DELETE FROM queue_lane WHERE domain = OLD.domain AND waiting + held = 0;
END;
CREATE TRIGGER queue_lane_leaves AFTER DELETE ON queue BEGIN
  UPDATE queue_lane SET waiting = waiting - (OLD.state = 'waiting'), held = held - (OLD.state <> 'waiting'),
    next_ms = (SELECT min(next_ms) FROM queue WHERE domain = OLD.domain AND state = 'waiting') WHERE domain = OLD.domain;
  DELETE FROM queue_lane WHERE domain = OLD.domain AND waiting + held = 0;
END;
`

const bounces = `
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

const marked = `
-- What people look for among very many messages: those not seen, and those that were answered, flagged, deleted or begun.
CREATE INDEX placement_unseen ON placement (account, mailbox, uid) WHERE flags & 1 = 0;
CREATE INDEX placement_marked ON placement (account, mailbox, uid, flags) WHERE flags & 30 <> 0;
`

const outgoing = `
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

const where = `
-- Where is my mail: by an address on either side, in any case, and by the IP address that it came from.
CREATE INDEX event_by_forward_path ON event (forward_path COLLATE NOCASE) WHERE forward_path <> '';
CREATE INDEX event_by_reverse_path ON event (reverse_path COLLATE NOCASE) WHERE reverse_path <> '';
CREATE INDEX event_by_ip ON event (json_extract(detail, '$.ip')) WHERE json_extract(detail, '$.ip') IS NOT NULL;
`

const shares = `
-- Whose part of the queue an entry is: a contract's, or that of the Authors whose mail leaves from a pool of addresses.
ALTER TABLE queue ADD COLUMN share TEXT GENERATED ALWAYS AS
  (coalesce(parameters ->> '$.contract', 'pool ' || (parameters ->> '$.pool'), '')) VIRTUAL;
-- A lane is what one share has for one destination: each waits, rests and is told for itself.
DROP TRIGGER queue_lane_joins;
DROP TRIGGER queue_lane_changes;
DROP TRIGGER queue_lane_moves;
DROP TRIGGER queue_lane_leaves;
ALTER TABLE queue_lane RENAME TO queue_lane_before;
CREATE TABLE queue_lane (
  domain TEXT NOT NULL, share TEXT NOT NULL, waiting INTEGER NOT NULL, held INTEGER NOT NULL, next_ms INTEGER,
  rest_ms INTEGER NOT NULL, failures INTEGER NOT NULL, last_reply TEXT NOT NULL, PRIMARY KEY (domain, share)
) STRICT, WITHOUT ROWID;
INSERT INTO queue_lane SELECT queue.domain, share, sum(state = 'waiting'), sum(state <> 'waiting'),
  min(CASE state WHEN 'waiting' THEN queue.next_ms END), rest_ms, failures, before.last_reply
  FROM queue JOIN queue_lane_before AS before ON before.domain = queue.domain
  GROUP BY queue.domain, share;
DROP TABLE queue_lane_before;
DROP INDEX queue_by_lane;
CREATE INDEX queue_by_lane ON queue (domain, share, state, next_ms);
CREATE INDEX queue_lane_due ON queue_lane (max(next_ms, rest_ms)) WHERE next_ms IS NOT NULL;
CREATE INDEX queue_lane_due_by_share ON queue_lane (share, max(next_ms, rest_ms)) WHERE next_ms IS NOT NULL;
CREATE TRIGGER queue_lane_joins AFTER INSERT ON queue BEGIN
  INSERT INTO queue_lane VALUES (NEW.domain, NEW.share, NEW.state = 'waiting', NEW.state <> 'waiting',
    CASE NEW.state WHEN 'waiting' THEN NEW.next_ms END, 0, 0, '')
  ON CONFLICT (domain, share) DO UPDATE SET waiting = waiting + excluded.waiting, held = held + excluded.held,
    next_ms = coalesce(min(next_ms, excluded.next_ms), next_ms, excluded.next_ms);
END;
CREATE TRIGGER queue_lane_changes AFTER UPDATE OF state, next_ms ON queue WHEN NEW.domain = OLD.domain BEGIN
  UPDATE queue_lane SET waiting = waiting + (NEW.state = 'waiting') - (OLD.state = 'waiting'),
    held = held + (NEW.state <> 'waiting') - (OLD.state <> 'waiting'),
    next_ms = (SELECT min(next_ms) FROM queue WHERE domain = NEW.domain AND share = NEW.share AND state = 'waiting')
    WHERE domain = NEW.domain AND share = NEW.share;
END;
CREATE TRIGGER queue_lane_moves AFTER UPDATE OF domain ON queue WHEN NEW.domain <> OLD.domain BEGIN
  INSERT INTO queue_lane VALUES (NEW.domain, NEW.share, NEW.state = 'waiting', NEW.state <> 'waiting',
    CASE NEW.state WHEN 'waiting' THEN NEW.next_ms END, 0, 0, '')
  ON CONFLICT (domain, share) DO UPDATE SET waiting = waiting + excluded.waiting, held = held + excluded.held,
    next_ms = coalesce(min(next_ms, excluded.next_ms), next_ms, excluded.next_ms);
  UPDATE queue_lane SET waiting = waiting - (OLD.state = 'waiting'), held = held - (OLD.state <> 'waiting'),
    next_ms = (SELECT min(next_ms) FROM queue WHERE domain = OLD.domain AND share = OLD.share AND state = 'waiting')
    WHERE domain = OLD.domain AND share = OLD.share;
  DELETE FROM queue_lane WHERE domain = OLD.domain AND share = OLD.share AND waiting + held = 0;
END;
CREATE TRIGGER queue_lane_leaves AFTER DELETE ON queue BEGIN
  UPDATE queue_lane SET waiting = waiting - (OLD.state = 'waiting'), held = held - (OLD.state <> 'waiting'),
    next_ms = (SELECT min(next_ms) FROM queue WHERE domain = OLD.domain AND share = OLD.share AND state = 'waiting')
    WHERE domain = OLD.domain AND share = OLD.share;
  DELETE FROM queue_lane WHERE domain = OLD.domain AND share = OLD.share AND waiting + held = 0;
END;
-- What each share has, all destinations together; '' is not counted.
CREATE TABLE queue_share (share TEXT PRIMARY KEY, messages INTEGER NOT NULL, bytes INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO queue_share SELECT share, count(*), sum(size) FROM queue JOIN blob ON blob.id = queue.blob
  WHERE share <> '' GROUP BY share;
CREATE TRIGGER queue_share_grows AFTER INSERT ON queue WHEN NEW.share <> '' BEGIN
  INSERT INTO queue_share VALUES (NEW.share, 1, (SELECT size FROM blob WHERE id = NEW.blob))
  ON CONFLICT (share) DO UPDATE SET messages = messages + 1, bytes = bytes + excluded.bytes;
END;
CREATE TRIGGER queue_share_shrinks AFTER DELETE ON queue WHEN OLD.share <> '' BEGIN
  UPDATE queue_share SET messages = messages - 1,
    bytes = bytes - coalesce((SELECT size FROM blob WHERE id = OLD.blob), 0) WHERE share = OLD.share;
  DELETE FROM queue_share WHERE share = OLD.share AND messages = 0;
END;
`

const sources = `
-- What left by the addresses of pools: recipients taken, by destination (the owner of its hosts) and day since 1970 (UTC).
CREATE TABLE source_day (
  address TEXT NOT NULL, provider TEXT NOT NULL, day INTEGER NOT NULL, count INTEGER NOT NULL,
  PRIMARY KEY (address, provider, day)
) STRICT, WITHOUT ROWID;
CREATE INDEX source_day_by_day ON source_day (day);
-- The day on which an address first sent.
CREATE TABLE source_first (address TEXT PRIMARY KEY, day INTEGER NOT NULL) STRICT, WITHOUT ROWID;
-- Until when an address is not used at a destination, which turned it away so often in a row, and what was said.
CREATE TABLE source_rest (
  address TEXT NOT NULL, provider TEXT NOT NULL, until_ms INTEGER NOT NULL, failures INTEGER NOT NULL, said TEXT NOT NULL,
  PRIMARY KEY (address, provider)
) STRICT, WITHOUT ROWID;
`

const failures = `
-- How often in a row this Author's mail to it failed.
ALTER TABLE suppressed ADD COLUMN failures INTEGER NOT NULL DEFAULT 1;
`

const MIGRATIONS: readonly string[] = [
  first,
  second,
  reports,
  policies,
  strangers,
  lessons,
  scripts,
  complaints,
  reportDays,
  sharing,
  lists,
  journal,
  envelopes,
  moving,
  contacts,
  groups,
  taughtLater,
  packing,
  certificates,
  deleted,
  undelete,
  sent,
  lanes,
  bounces,
  marked,
  outgoing,
  where,
  shares,
  sources,
  failures,
]

/** The version this program writes. */
const SCHEMA_VERSION = MIGRATIONS.length

/** Was the database written by this version of the program. */
export function isCurrent(database: Database): boolean {
  return Number(database.prepare('PRAGMA user_version').get()?.user_version) === SCHEMA_VERSION
}

/** Brings the database to SCHEMA_VERSION. @throws when it was written by a newer program. */
export function migrate(database: Database): void {
  const version = Number(database.prepare('PRAGMA user_version').get()?.user_version)
  if (version > SCHEMA_VERSION) {
    throw new Error(`This store has schema ${version}; this program knows ${SCHEMA_VERSION}. Use a newer program.`)
  }
  for (const [index, sql] of MIGRATIONS.entries()) {
    if (index < version) continue
    database.exec('BEGIN IMMEDIATE')
    try {
      database.exec(sql)
      database.exec(`PRAGMA user_version = ${index + 1}`)
      database.exec('COMMIT')
    } catch (error) {
      database.exec('ROLLBACK')
      throw error
    }
  }
}
