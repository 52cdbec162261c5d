// What a person types into the search box, as a JMAP filter: words, and from: to: subject: has: is: before: after: in:.

import type { Mailbox } from '../jmap.ts'
import type { Filter } from './list.ts'

const DAY_MS = 86_400_000

const OPERATORS: Record<string, (value: string, mailboxes: readonly Mailbox[]) => Filter | undefined> = {
  from: (value) => ({ from: value }),
  to: (value) => ({ to: value }),
  cc: (value) => ({ cc: value }),
  subject: (value) => ({ subject: value }),
  body: (value) => ({ body: value }),
  has: (value) => (/^(attachment|file)s?$/.test(value) ? { hasAttachment: true } : undefined),
  is: (value) =>
    ({
      unread: { notKeyword: '$seen' },
      read: { hasKeyword: '$seen' },
      starred: { hasKeyword: '$flagged' },
      answered: { hasKeyword: '$answered' },
    })[value],
  before: (value) => dateFilter('before', value),
  after: (value) => dateFilter('after', value),
  in: (value, mailboxes) => {
    const mailbox = mailboxes.find(
      ({ role, name }) => role === value.toLowerCase() || name.toLowerCase() === value.toLowerCase(),
    )
    return mailbox && { inMailbox: mailbox.id }
  },
}

function dateFilter(name: string, value: string): Filter | undefined {
  const ms = value === 'today' ? Date.now() - (Date.now() % DAY_MS) : Date.parse(value)
  return Number.isFinite(ms) ? { [name]: `${new Date(ms).toISOString().slice(0, 19)}Z` } : undefined
}

/** Words and operators joined by AND; Junk and Trash only when named. */
export function parseSearch(text: string, mailboxes: readonly Mailbox[]): Filter {
  const conditions: Filter[] = []
  const words: string[] = []
  for (const [token, name, quoted, plain] of text.matchAll(/(?:([a-z]+):)?(?:"([^"]*)"?|(\S+))/gi)) {
    const value = quoted ?? plain ?? ''
    const filter = name === undefined ? undefined : OPERATORS[name.toLowerCase()]?.(value, mailboxes)
    if (filter) conditions.push(filter)
    else words.push(quoted === undefined || name !== undefined ? token : `"${quoted}"`)
  }
  if (words.length > 0) conditions.push({ text: words.join(' ') })
  if (!conditions.some((condition) => 'inMailbox' in condition)) {
    const aside = mailboxes.filter(({ role }) => role === 'junk' || role === 'trash').map(({ id }) => id)
    if (aside.length > 0) conditions.push({ inMailboxOtherThan: aside })
  }
  return { operator: 'AND', conditions }
}
