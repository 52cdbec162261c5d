// The tables of the queue, as they grew: lanes and shares, each kept true by triggers, and the addresses that mail leaves from
// (docs/queue.md).

export const lanes = `
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

export const shares = `
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

export const sources = `
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
