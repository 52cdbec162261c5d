// The tables of reports between domains, and of complaints.

export const reports = `
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

export const complaints = `
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

export const reportDays = `
CREATE INDEX report_duty_by_day ON report_duty (day);
`
