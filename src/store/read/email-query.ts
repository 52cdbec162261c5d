// From what is wanted of emails (JMAP Email/query) to SQL on the index of placements by time: where a list is in the
// order of that index, its first page is read without looking at the rest of a mailbox of any size.

import type { SqlValue } from '../../world/disk.ts'
import { flagBit } from '../flags.ts'
import type { EmailId, MailboxId } from '../nouns/mail.ts'

/** What the database can decide of one email. Flags: those of all its placements. */
export type EmailCondition =
  | { readonly is: 'and' | 'or' | 'not'; readonly of: readonly EmailCondition[] } // 'not': none of them
  | { readonly is: 'in'; readonly mailbox: MailboxId }
  | { readonly is: 'in-other-than'; readonly mailboxes: readonly MailboxId[] }
  | { readonly is: 'received-before' | 'received-since'; readonly ms: number }
  | { readonly is: 'larger' | 'smaller'; readonly bytes: number } // at least; less than
  | { readonly is: 'flagged'; readonly flag: string }
  | { readonly is: 'thread-flagged'; readonly flag: string; readonly how: 'all' | 'some' | 'none' }
  | { readonly is: 'attached'; readonly attached: boolean }

export interface EmailOrder {
  readonly by: 'received' | 'size' | 'sent' | 'flagged' | 'thread-all-flagged' | 'thread-some-flagged'
  readonly flag?: string
  readonly ascending: boolean
}

export interface EmailQuery {
  readonly where: EmailCondition
  readonly order: readonly EmailOrder[]
  /** Of each thread only the first. */
  readonly collapse: boolean
}

export interface Sql {
  readonly text: string
  readonly parameters: readonly SqlValue[]
}

/** More mailboxes than this are not read one by one. */
const MOST_MERGED = 200

export const sql = (text: string, ...parameters: SqlValue[]): Sql => ({ text, parameters })

export function join(parts: readonly Sql[], separator: string): Sql {
  return {
    text: parts.map(({ text }) => text).join(separator),
    parameters: parts.flatMap(({ parameters }) => parameters),
  }
}

/** The mailbox that everything wanted lies in, and what else is wanted. */
function driving(where: EmailCondition): { mailbox?: MailboxId; rest: EmailCondition } {
  if (where.is === 'in') return { mailbox: where.mailbox, rest: { is: 'and', of: [] } }
  if (where.is !== 'and') return { rest: where }
  const found = where.of.find((one) => one.is === 'in')
  if (found?.is !== 'in') return { rest: where }
  return { mailbox: found.mailbox, rest: { is: 'and', of: where.of.filter((one) => one !== found) } }
}

/** One row for each email: the placement in the mailbox, or the email's home. */
function source(account: number, mailbox: MailboxId | undefined): Sql {
  const placement = 'FROM placement AS p INDEXED BY placement_by_time WHERE p.account = ?'
  if (mailbox === undefined) return sql(`${placement} AND p.home = 1`, account)
  // An email may lie in one mailbox twice (COPY into the same one): its home counts, or else the first.
  return sql(
    `${placement} AND p.mailbox = ? AND (p.home = 1 OR NOT EXISTS (
       SELECT 1 FROM placement AS o INDEXED BY placement_by_email WHERE o.account = p.account AND o.email = p.email
         AND o.home = 0 AND o.mailbox = p.mailbox AND o.uid < p.uid
       UNION ALL SELECT 1 FROM email AS e WHERE e.account = p.account AND e.id = p.email AND e.mailbox = p.mailbox))`,
    account,
    mailbox,
  )
}

function compile(condition: EmailCondition): Sql {
  switch (condition.is) {
    case 'and':
      return condition.of.length === 0 ? sql('TRUE') : bracketed(join(condition.of.map(compile), ' AND '))
    case 'or':
      return condition.of.length === 0 ? sql('FALSE') : bracketed(join(condition.of.map(compile), ' OR '))
    case 'not': {
      const any = compile({ is: 'or', of: condition.of })
      return sql(`NOT ${any.text}`, ...any.parameters)
    }
    case 'in':
      return anyPlacement((row) => sql(`${row}.mailbox = ?`, condition.mailbox))
    case 'in-other-than': {
      const list = JSON.stringify(condition.mailboxes)
      return anyPlacement((row) => sql(`${row}.mailbox NOT IN (SELECT value FROM json_each(?))`, list))
    }
    case 'received-before':
      return sql('p.received_ms < ?', condition.ms)
    case 'received-since':
      return sql('p.received_ms >= ?', condition.ms)
    case 'larger':
      return sql('p.size >= ?', condition.bytes)
    case 'smaller':
      return sql('p.size < ?', condition.bytes)
    case 'flagged':
      return anyPlacement((row) => hasFlag(row, condition.flag))
    case 'thread-flagged':
      return threadFlagged(condition.flag, condition.how)
    case 'attached':
      return sql(
        `(SELECT json_extract(e.summary, '$.hasAttachment') FROM email AS e
          WHERE e.account = p.account AND e.id = p.email) = ?`,
        condition.attached ? 1 : 0,
      )
  }
}

const bracketed = ({ text, parameters }: Sql): Sql => sql(`(${text})`, ...parameters)

/** True where the row, or another placement of the same email, passes. Nearly every email has one placement. */
function anyPlacement(test: (row: string) => Sql): Sql {
  const [own, other, home] = [test('p'), test('o'), test('h')]
  return sql(
    `(${own.text} OR EXISTS (SELECT 1 FROM placement AS o INDEXED BY placement_by_email
       WHERE o.account = p.account AND o.email = p.email AND o.home = 0 AND ${other.text})
     OR p.home = 0 AND EXISTS (SELECT 1 FROM email AS e JOIN placement AS h ON h.account = e.account
       AND h.mailbox = e.mailbox AND h.uid = e.uid WHERE e.account = p.account AND e.id = p.email AND ${home.text}))`,
    ...own.parameters,
    ...other.parameters,
    ...home.parameters,
  )
}

export function hasFlag(row: string, flag: string): Sql {
  const bit = flagBit(flag)
  if (bit !== undefined) return sql(`${row}.flags & ${bit} <> 0`)
  return sql(`instr(' ' || lower(${row}.keywords) || ' ', ?) > 0`, ` ${flag.toLowerCase()} `)
}

function threadFlagged(flag: string, how: 'all' | 'some' | 'none'): Sql {
  const [home, other] = [hasFlag('h', flag), hasFlag('o', flag)]
  const carries = sql(
    `(${home.text} OR EXISTS (SELECT 1 FROM placement AS o INDEXED BY placement_by_email
       WHERE o.account = t.account AND o.email = t.id AND o.home = 0 AND ${other.text}))`,
    ...home.parameters,
    ...other.parameters,
  )
  const such = sql(
    `EXISTS (SELECT 1 FROM (
       SELECT account, id, mailbox, uid FROM email WHERE account = p.account AND id = p.thread AND thread = id
       UNION ALL SELECT account, id, mailbox, uid FROM email
         WHERE account = p.account AND thread = p.thread AND thread <> id) AS t
     JOIN placement AS h ON h.account = t.account AND h.mailbox = t.mailbox AND h.uid = t.uid
     WHERE ${how === 'all' ? 'NOT ' : ''}${carries.text})`,
    ...carries.parameters,
  )
  return how === 'some' ? such : sql(`NOT ${such.text}`, ...such.parameters)
}

function orderTerm({ by, flag = '', ascending }: EmailOrder): Sql {
  const direction = ascending ? 'ASC' : 'DESC'
  const term = (): Sql => {
    switch (by) {
      case 'received':
        return sql('p.received_ms')
      case 'size':
        return sql('p.size')
      case 'sent':
        return sql(
          `coalesce((SELECT json_extract(e.summary, '$.sentAtMs') FROM email AS e
            WHERE e.account = p.account AND e.id = p.email), p.received_ms)`,
        )
      case 'flagged':
        return compile({ is: 'flagged', flag })
      case 'thread-all-flagged':
        return threadFlagged(flag, 'all')
      case 'thread-some-flagged':
        return threadFlagged(flag, 'some')
    }
  }
  const { text, parameters } = term()
  return sql(`${text} ${direction}`, ...parameters)
}

/** The newest first where nothing else is said; what is alike in all that was asked for is in the same direction. */
function orderOf(order: readonly EmailOrder[]): Sql {
  const isInTime = order.length === 0 || order[0]!.by === 'received'
  const terms = order.map(orderTerm)
  if (order.length === 0) terms.push(sql('p.received_ms DESC'))
  const ascending = isInTime && order[0]?.ascending === true
  if (!order.some(({ by }) => by === 'received') && order.length > 0) terms.push(sql('p.received_ms DESC'))
  terms.push(sql(ascending ? 'p.email ASC' : 'p.email DESC'))
  return join(terms, ', ')
}

/** `limit` emails after the first `skip`, with their threads, not collapsed. `mailboxes`: all of the account. */
export function firstEmails(
  account: number,
  { where, order }: Pick<EmailQuery, 'where' | 'order'>,
  mailboxes: readonly MailboxId[],
  limit: number,
  skip: number,
): Sql {
  const { mailbox, rest } = driving(where)
  const condition = compile(rest)
  const sorted = orderOf(order)
  const isInTime = order.length === 0 || (order.length === 1 && order[0]!.by === 'received')
  const from = source(account, mailbox)
  if (mailbox !== undefined || !isInTime || mailboxes.length > MOST_MERGED) {
    return sql(
      `SELECT p.email AS email, p.thread AS thread ${from.text} AND ${condition.text} ORDER BY ${sorted.text}
       LIMIT ? OFFSET ?`,
      ...from.parameters,
      ...condition.parameters,
      ...sorted.parameters,
      limit,
      skip,
    )
  }
  // The newest of each mailbox, and of these the newest: the index is by mailbox first.
  const each = mailboxes.map((id) =>
    sql(
      `SELECT * FROM (SELECT p.email AS email, p.thread AS thread, p.received_ms AS received_ms
       ${from.text} AND p.mailbox = ? AND ${condition.text} ORDER BY ${sorted.text} LIMIT ?)`,
      ...from.parameters,
      id,
      ...condition.parameters,
      ...sorted.parameters,
      limit + skip,
    ),
  )
  const direction = order[0]?.ascending ? 'ASC' : 'DESC'
  const merged = join(each, ' UNION ALL ')
  return sql(
    `SELECT email, thread FROM (${merged.text}) ORDER BY received_ms ${direction}, email ${direction}
     LIMIT ? OFFSET ?`,
    ...merged.parameters,
    limit,
    skip,
  )
}

/** A place in the order of time. */
export interface TimedEmail {
  readonly id: EmailId
  readonly receivedAtMs: number
}

/** Is the query one of a single mailbox, in time: then the index knows where an email stands in it. */
export function isTimed({ where, order }: Pick<EmailQuery, 'where' | 'order'>): boolean {
  const isInTime = order.length === 0 || (order.length === 1 && order[0]!.by === 'received')
  return isInTime && driving(where).mailbox !== undefined
}

/** Whether an email is in a timed query. */
export function isInQuery(account: number, { where }: Pick<EmailQuery, 'where'>, email: TimedEmail): Sql {
  const { mailbox, rest } = driving(where)
  const [from, condition] = [source(account, mailbox), compile(rest)]
  return sql(
    `SELECT 1 ${from.text} AND p.received_ms = ? AND p.email = ? AND ${condition.text} LIMIT 1`,
    ...from.parameters,
    email.receivedAtMs,
    email.id,
    ...condition.parameters,
  )
}

/** How many emails of a timed query (collapsed: threads) stand before one, from another one on. */
export function emailsBefore(
  account: number,
  { where, order, collapse }: EmailQuery,
  email: TimedEmail,
  from: TimedEmail | undefined,
): Sql {
  const { mailbox, rest } = driving(where)
  const [rows, condition] = [source(account, mailbox), compile(rest)]
  const ascending = order[0]?.ascending === true
  const beyond = (place: TimedEmail, sign: '<' | '>', orAt: boolean): Sql =>
    sql(
      `p.received_ms ${sign}= ? AND (p.received_ms ${sign} ? OR p.email ${sign}${orAt ? '=' : ''} ?)`,
      place.receivedAtMs,
      place.receivedAtMs,
      place.id,
    )
  const upTo = beyond(email, ascending ? '<' : '>', false)
  const since = from === undefined ? sql('TRUE') : beyond(from, ascending ? '>' : '<', true)
  return sql(
    `SELECT count(${collapse ? 'DISTINCT p.thread' : '*'}) AS count ${rows.text} AND ${upTo.text} AND ${since.text}
     AND ${condition.text}`,
    ...rows.parameters,
    ...upTo.parameters,
    ...since.parameters,
    ...condition.parameters,
  )
}

/** All emails in order as one row of two JSON lists: a hundred thousand rows are not made into as many objects. */
export function everyEmail(account: number, { where, order }: Pick<EmailQuery, 'where' | 'order'>): Sql {
  const { mailbox, rest } = driving(where)
  const [from, condition, sorted] = [source(account, mailbox), compile(rest), orderOf(order)]
  return sql(
    `SELECT json_group_array(email) AS emails, json_group_array(thread) AS threads FROM (
       SELECT p.email AS email, p.thread AS thread ${from.text} AND ${condition.text} ORDER BY ${sorted.text})`,
    ...from.parameters,
    ...condition.parameters,
    ...sorted.parameters,
  )
}

export function emailCount(account: number, { where, collapse }: Pick<EmailQuery, 'where' | 'collapse'>): Sql {
  const { mailbox, rest } = driving(where)
  const isWhole = rest.is === 'and' && rest.of.length === 0
  if (collapse && mailbox !== undefined && isWhole) {
    const index = 'placement INDEXED BY placement_by_thread'
    return sql(
      `SELECT count(DISTINCT thread) AS count FROM ${index} WHERE account = ? AND mailbox = ?`,
      account,
      mailbox,
    )
  }
  const [from, condition] = [source(account, mailbox), compile(rest)]
  return sql(
    `SELECT count(${collapse ? 'DISTINCT p.thread' : '*'}) AS count ${from.text} AND ${condition.text}`,
    ...from.parameters,
    ...condition.parameters,
  )
}
