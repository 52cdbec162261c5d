// The tables of bodies and of the journal, as they grew.

export const journal = `
-- The last record of the journal that is applied here. A store that is older than its journal begins at 1: what it held
-- then is in its first snapshot only.
CREATE TABLE journal (applied INTEGER NOT NULL) STRICT;
INSERT INTO journal SELECT EXISTS (SELECT 1 FROM account UNION ALL SELECT 1 FROM setting UNION ALL SELECT 1 FROM queue
  UNION ALL SELECT 1 FROM event UNION ALL SELECT 1 FROM remembered UNION ALL SELECT 1 FROM sts_policy
  UNION ALL SELECT 1 FROM report_duty);
`

export const packing = `
-- stored: bytes that a body takes where it was tried to pack it (compact.ts); 0: it lies there as it came.
ALTER TABLE blob ADD COLUMN stored INTEGER NOT NULL DEFAULT 0;
`
