// The text index's own database, on a thread of its own: which message holds which words (SQLite FTS5, without the
// texts), and the vocabulary, in which parts of words are looked up. It is a view that can be thrown away: what a power
// cut takes from it is indexed again.

import type { Database, Statement } from '../../world/disk.ts'
import type { EmailId } from '../nouns/mail.ts'
import type { AccountId } from '../nouns/people.ts'
import { wordsOf } from './text-of.ts'
import { testsFor, type WordTest } from './words.ts'

/** What the owner is asked. */
export type TextRequest =
  | { kind: 'add'; account: AccountId; emails: readonly { id: EmailId; source: Uint8Array }[] }
  | { kind: 'remove'; account: AccountId; ids: readonly EmailId[] }
  /** Everything of this account up to that MODSEQ is in the index. */
  | { kind: 'through'; account: AccountId; modseq: number }
  | { kind: 'forget'; account: AccountId }
  | { kind: 'accounts' }
  | { kind: 'cursor'; account: AccountId }
  | { kind: 'known'; account: AccountId }
  | { kind: 'search'; account: AccountId; needle: string; isBody: boolean }

/** Emails that may hold the text; `cursor`: those that were made later are not in the index. */
export interface TextAnswer {
  /** Undefined: the index cannot narrow it. */
  readonly ids: readonly EmailId[] | undefined
  readonly cursor: number
}

/** What is indexed of a message, and how. An index that was made otherwise is begun anew. */
const VERSION = 2

const SCHEMA = `
CREATE TABLE IF NOT EXISTS cursor (account INTEGER PRIMARY KEY, modseq INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS doc (
  id INTEGER PRIMARY KEY, account INTEGER NOT NULL, email INTEGER NOT NULL, whole INTEGER NOT NULL,
  UNIQUE (account, email)
) STRICT;
CREATE INDEX IF NOT EXISTS doc_not_whole ON doc (account) WHERE whole = 0;
CREATE TABLE IF NOT EXISTS word (text TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
CREATE VIRTUAL TABLE IF NOT EXISTS fts USING fts5 (
  account, head, body, content = '', contentless_delete = 1, detail = column,
  tokenize = "unicode61 remove_diacritics 0 categories 'L* N* M* Co'"
);
`

/** A part of a word that more words hold than this narrows nothing worth the work. */
const MAX_EXPANSION = 2000

/** For World.disk.ownDatabase: answers TextRequests. */
export function serve(database: Database): (message: unknown) => unknown {
  database.exec('PRAGMA synchronous = NORMAL; PRAGMA cache_size = -32768')
  const version = Number(database.prepare('PRAGMA user_version').get()?.user_version)
  if (version !== VERSION)
    database.exec(`DROP TABLE IF EXISTS fts; DROP TABLE IF EXISTS doc; DROP TABLE IF EXISTS word;
      DROP TABLE IF EXISTS cursor; PRAGMA user_version = ${VERSION}`)
  database.exec(SCHEMA)
  const engine = new TextEngine(database)
  return (message) => engine.answer(message as TextRequest)
}

class TextEngine {
  readonly #database: Database
  readonly #statements = new Map<string, Statement>()

  constructor(database: Database) {
    this.#database = database
  }

  answer(request: TextRequest): unknown {
    switch (request.kind) {
      case 'add':
        return this.#inTransaction(() => this.#add(request.account, request.emails))
      case 'remove':
        return this.#inTransaction(() => this.#remove(request.account, request.ids))
      case 'through':
        this.#sql('INSERT OR REPLACE INTO cursor VALUES (?, ?)').run(request.account, request.modseq)
        return undefined
      case 'forget':
        return this.#inTransaction(() => this.#forget(request.account))
      case 'accounts':
        return this.#sql('SELECT DISTINCT account FROM doc')
          .all()
          .map(({ account }) => Number(account))
      case 'cursor':
        return this.#cursor(request.account)
      case 'known':
        return this.#sql('SELECT email FROM doc WHERE account = ?')
          .all(request.account)
          .map(({ email }) => Number(email))
      case 'search':
        return this.#search(request.account, request.needle, request.isBody)
    }
  }

  /** The prepared statement for a fixed text. */
  #sql(text: string): Statement {
    let statement = this.#statements.get(text)
    if (statement === undefined) this.#statements.set(text, (statement = this.#database.prepare(text)))
    return statement
  }

  #inTransaction(work: () => void): void {
    this.#database.exec('BEGIN IMMEDIATE')
    try {
      work()
      this.#database.exec('COMMIT')
    } catch (error) {
      this.#database.exec('ROLLBACK')
      throw error
    }
  }

  #add(account: AccountId, emails: readonly { id: EmailId; source: Uint8Array }[]): void {
    const doc = this.#sql('INSERT OR IGNORE INTO doc (account, email, whole) VALUES (?, ?, ?)')
    const word = this.#sql('INSERT OR IGNORE INTO word VALUES (?)')
    const fts = this.#sql('INSERT INTO fts (rowid, account, head, body) VALUES (?, ?, ?, ?)')
    for (const { id, source } of emails) {
      const bytes = Buffer.from(source.buffer, source.byteOffset, source.byteLength)
      const { head, body, isWhole } = wordsOf(bytes)
      const { changes, lastInsertRowid } = doc.run(account, id, isWhole ? 1 : 0)
      if (Number(changes) === 0) continue
      for (const one of head) word.run(one)
      for (const one of body) word.run(one)
      fts.run(lastInsertRowid, `a${account}`, [...head].join(' '), [...body].join(' '))
    }
  }

  #remove(account: AccountId, ids: readonly EmailId[]): void {
    const find = this.#sql('SELECT id FROM doc WHERE account = ? AND email = ?')
    for (const id of ids) {
      const row = find.get(account, id)
      if (row === undefined) continue
      this.#sql('DELETE FROM fts WHERE rowid = ?').run(row.id!)
      this.#sql('DELETE FROM doc WHERE id = ?').run(row.id!)
    }
  }

  /** Which words there are stays known; nobody can tell any more from whom. */
  #forget(account: AccountId): void {
    this.#sql('DELETE FROM fts WHERE rowid IN (SELECT id FROM doc WHERE account = ?)').run(account)
    this.#sql('DELETE FROM doc WHERE account = ?').run(account)
    this.#sql('DELETE FROM cursor WHERE account = ?').run(account)
  }

  #cursor(account: AccountId): number {
    return Number(this.#sql('SELECT modseq FROM cursor WHERE account = ?').get(account)?.modseq ?? 0)
  }

  #search(account: AccountId, needle: string, isBody: boolean): TextAnswer {
    const cursor = this.#cursor(account)
    const found = testsFor(needle).map((one) => this.#wordsThat(one))
    const narrowing = found.filter((words) => words !== undefined)
    if (narrowing.length === 0) return { ids: undefined, cursor }
    // No message holds it: only those count of which not all words are kept.
    if (narrowing.some((words) => words.length === 0)) return { ids: this.#notWhole(account), cursor }
    const all = narrowing.map((words) => `(${words.map((word) => `"${word}"`).join(' OR ')})`).join(' AND ')
    const where = `account : "a${account}" AND {${isBody ? 'body' : 'head body'}} : (${all})`
    const rows = this.#sql('SELECT email FROM fts JOIN doc ON doc.id = fts.rowid WHERE fts MATCH ?').all(where)
    const ids = new Set([...rows.map(({ email }) => Number(email)), ...this.#notWhole(account)])
    return { ids: [...ids], cursor }
  }

  #notWhole(account: AccountId): number[] {
    return this.#sql('SELECT email FROM doc WHERE account = ? AND whole = 0')
      .all(account)
      .map(({ email }) => Number(email))
  }

  /** Words of the vocabulary that pass; undefined where they are too many to narrow anything. */
  #wordsThat({ how, text }: WordTest): string[] | undefined {
    if (how === 'is') return [text]
    const [condition, ...parameters] = CONDITIONS[how](text)
    const rows = this.#sql(`SELECT text FROM word WHERE ${condition} LIMIT ${MAX_EXPANSION + 1}`).all(...parameters)
    return rows.length > MAX_EXPANSION ? undefined : rows.map((row) => String(row.text))
  }
}

const CONDITIONS: Record<Exclude<WordTest['how'], 'is'>, (text: string) => [string, ...(string | number)[]]> = {
  begins: (text) => ['text >= ? AND text < ?', text, `${text}\u{10ffff}`],
  ends: (text) => ['substr(text, ?) = ?', -[...text].length, text],
  holds: (text) => ['instr(text, ?) > 0', text],
}
