// Does the store hold together? Every email has its body (read and hashed) and its home, every count is what it
// counts, every UID is below UIDNEXT, every reference to a body is counted. For tests and for `borderpost verify`.

import type { Database } from '../../world/disk.ts'
import { DiskError } from '../../world/disk.ts'
import { BLOB_COLUMNS, blobOf } from '../read/rows.ts'
import type { Store } from '../store.ts'

/** Each query finds nothing in a sound store; its rows name what is wrong. */
const RULES: readonly (readonly [finding: string, sql: string])[] = [
  [
    'a mailbox counts wrongly (account, mailbox)',
    `SELECT m.account, m.id FROM mailbox AS m LEFT JOIN
       (SELECT account, mailbox, count(*) AS total, sum(flags & 1 = 0) AS unseen, sum(size) AS size, max(uid) AS uid,
        max(modseq) AS modseq FROM placement GROUP BY account, mailbox) AS p
     ON p.account = m.account AND p.mailbox = m.id
     WHERE m.total <> coalesce(p.total, 0) OR m.unseen <> coalesce(p.unseen, 0) OR m.size <> coalesce(p.size, 0)
       OR m.uid_next <= coalesce(p.uid, 0) OR m.highest_modseq < coalesce(p.modseq, 0)`,
  ],
  [
    'a placement has no mailbox or no email (account, mailbox, uid)',
    `SELECT p.account, p.mailbox, p.uid FROM placement AS p
     LEFT JOIN email AS e ON e.account = p.account AND e.id = p.email
     LEFT JOIN mailbox AS m ON m.account = p.account AND m.id = p.mailbox
     WHERE e.id IS NULL OR m.id IS NULL OR e.size <> p.size OR e.received_ms <> p.received_ms OR e.thread <> p.thread
       OR p.home <> (p.mailbox = e.mailbox AND p.uid = e.uid)`,
  ],
  [
    'an email is not in its home mailbox (account, email)',
    `SELECT e.account, e.id FROM email AS e
     LEFT JOIN placement AS p ON p.account = e.account AND p.mailbox = e.mailbox AND p.uid = e.uid AND p.email = e.id
     WHERE p.uid IS NULL`,
  ],
  [
    'an email or queue entry names a body that the index does not know (account, email)',
    `SELECT account, email.id FROM email LEFT JOIN blob ON blob.id = email.blob WHERE blob.id IS NULL
     UNION ALL SELECT 0, queue.id FROM queue LEFT JOIN blob ON blob.id = queue.blob WHERE blob.id IS NULL
     UNION ALL SELECT 0, lesson.id FROM lesson LEFT JOIN blob ON blob.id = lesson.blob WHERE blob.id IS NULL
     UNION ALL SELECT account, script.id FROM script LEFT JOIN blob ON blob.id = script.blob WHERE blob.id IS NULL
     UNION ALL SELECT account, deleted.id FROM deleted LEFT JOIN blob ON blob.id = deleted.blob WHERE blob.id IS NULL
     UNION ALL SELECT account, 0 FROM upload LEFT JOIN blob ON blob.id = upload.blob WHERE blob.id IS NULL`,
  ],
  [
    'a body counts its references wrongly (body)',
    `SELECT b.id FROM blob AS b LEFT JOIN
       (SELECT blob, count(*) AS refs FROM (SELECT blob FROM email UNION ALL SELECT blob FROM queue
        UNION ALL SELECT blob FROM lesson UNION ALL SELECT blob FROM script UNION ALL SELECT blob FROM upload UNION ALL SELECT blob FROM deleted) GROUP BY blob) AS r
     ON r.blob = b.id WHERE b.refs <> coalesce(r.refs, 0)`,
  ],
  [
    'an expunged UID is still there, or not below UIDNEXT (account, mailbox, uid)',
    `SELECT x.account, x.mailbox, x.uid FROM expunged AS x
     LEFT JOIN mailbox AS m ON m.account = x.account AND m.id = x.mailbox
     LEFT JOIN placement AS p ON p.account = x.account AND p.mailbox = x.mailbox AND p.uid = x.uid
     WHERE m.id IS NULL OR x.uid >= m.uid_next OR p.uid IS NOT NULL`,
  ],
  [
    'a UID that was never given is there, or not below UIDNEXT (account, mailbox, uid)',
    `SELECT g.account, g.mailbox, g.first FROM uid_gap AS g
     LEFT JOIN mailbox AS m ON m.account = g.account AND m.id = g.mailbox
     WHERE m.id IS NULL OR g.last >= m.uid_next OR EXISTS (SELECT 1 FROM placement AS p
       WHERE p.account = g.account AND p.mailbox = g.mailbox AND p.uid BETWEEN g.first AND g.last)`,
  ],
  [
    'something is newer than its account (account, modseq)',
    `SELECT account.id, account.modseq FROM account JOIN mailbox ON mailbox.account = account.id
     WHERE mailbox.modseq > account.modseq OR mailbox.highest_modseq > mailbox.modseq
     UNION ALL SELECT account.id, account.modseq FROM account JOIN email ON email.account = account.id
     WHERE email.modseq > account.modseq OR email.id > account.modseq`,
  ],
  [
    'two mailboxes of an account have the same UIDVALIDITY (account, UIDVALIDITY)',
    'SELECT account, uid_validity FROM mailbox GROUP BY account, uid_validity HAVING count(*) > 1',
  ],
]

/** What is looked at: a store that is open, or only its database and its bodies. */
export interface Checked extends Pick<Store, 'readBlob'> {
  readonly database: Database
}

const findingsPerRule = 20
const bodiesAtOnce = 500

/** What is wrong, one sentence each; empty when the store is sound. Reads every body. @throws DiskError when the database cannot be read */
export async function checkStore(store: Checked): Promise<string[]> {
  const { database } = store
  const findings: string[] = []
  for (const row of database.prepare('PRAGMA integrity_check').all()) {
    if (row.integrity_check !== 'ok') findings.push(`SQLite: ${row.integrity_check}`)
  }
  // Of one moment: others may be writing.
  database.exec('BEGIN')
  try {
    for (const [finding, sql] of RULES) {
      const rows = database.prepare(`SELECT * FROM (${sql}) LIMIT ${findingsPerRule}`).all()
      for (const row of rows) findings.push(`${finding}: ${Object.values(row).join(', ')}`)
    }
  } finally {
    database.exec('COMMIT')
  }
  return [...findings, ...(await checkBodies(store, database))]
}

async function checkBodies(store: Checked, database: Database): Promise<string[]> {
  const findings: string[] = []
  const page = database.prepare(
    `SELECT blob.id AS id, ${BLOB_COLUMNS} FROM blob WHERE blob.id > ? AND refs > 0 ORDER BY blob.id LIMIT ${bodiesAtOnce}`,
  )
  const named = database.prepare('SELECT 1 FROM blob WHERE id = ? AND refs > 0')
  const isNamed = (id: number) => named.get(id) !== undefined
  for (let last = 0; ; ) {
    const rows = page.all(last)
    if (rows.length === 0) return findings
    for (const row of rows) {
      const ref = blobOf(row)
      try {
        const body = await store.readBlob(ref)
        // It may have been deleted meanwhile.
        if (body === undefined && isNamed(Number(row.id))) findings.push(`the body ${ref.hash} is not there`)
      } catch (error) {
        if (!(error instanceof DiskError)) throw error
        if (isNamed(Number(row.id))) findings.push(error.message)
      }
      last = row.id as number
    }
  }
}
