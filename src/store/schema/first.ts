// The tables as they were first. What was added or changed since stands beside, by what it is of; schema.ts has the order.

export const first = `
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
