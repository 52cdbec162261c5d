// The message list: a window on a query of any length. Only pages near what is seen are fetched and kept.

import { createSignal } from 'solid-js'
import { type Address, type Answer, type EmailRow, type Jmap, type Keywords, ROW_PROPERTIES } from '../jmap.ts'

const PAGE = 50
const MAX_KEPT = 1000

/** One conversation in the list: its newest message here, and the whole thread in short. */
export interface Row {
  readonly email: EmailRow
  readonly thread: readonly {
    readonly id: string
    readonly keywords: Keywords
    readonly from: readonly Address[] | null
    readonly mailboxIds: Readonly<Record<string, true>>
  }[]
}

export type Filter = Readonly<Record<string, unknown>>

export const isUnread = (row: Row): boolean => row.thread.some(({ keywords }) => !keywords.$seen && !keywords.$draft)
export const isStarred = (row: Row): boolean => row.thread.some(({ keywords }) => keywords.$flagged)

export function createList(jmap: Jmap, onError: (error: Error) => void) {
  const [total, setTotal] = createSignal<number>()
  const [rows, setRows] = createSignal<ReadonlyMap<number, Row>>(new Map())
  let filter: Filter = {}
  let generation = 0
  let seen = { first: 0, last: PAGE }
  const loading = new Set<number>()

  async function fetchPage(page: number): Promise<[Map<number, Row>, number]> {
    const position = page * PAGE
    const [query, emails, , inThreads] = await jmap.call(
      [
        'Email/query',
        {
          filter,
          sort: [{ property: 'receivedAt', isAscending: false }],
          collapseThreads: true,
          position,
          limit: PAGE,
          calculateTotal: true,
        },
      ],
      ['Email/get', { '#ids': { resultOf: '0', name: 'Email/query', path: '/ids' }, properties: ROW_PROPERTIES }],
      ['Thread/get', { '#ids': { resultOf: '1', name: 'Email/get', path: '/list/*/threadId' } }],
      [
        'Email/get',
        {
          '#ids': { resultOf: '2', name: 'Thread/get', path: '/list/*/emailIds' },
          properties: ['id', 'threadId', 'keywords', 'from', 'mailboxIds'],
        },
      ],
    )
    const byId = new Map<string, EmailRow>(emails.list.map((email: EmailRow) => [email.id, email]))
    const threads = Map.groupBy(inThreads.list as Answer[], (email) => email.threadId as string)
    const found = new Map<number, Row>()
    query.ids.forEach((id: string, i: number) => {
      const email = byId.get(id)
      if (email) found.set(query.position + i, { email, thread: threads.get(email.threadId) ?? [] })
    })
    return [found, query.total]
  }

  async function load(page: number): Promise<void> {
    if (loading.has(page)) return
    loading.add(page)
    const mine = generation
    try {
      const [found, count] = await fetchPage(page)
      if (mine !== generation) return
      const kept = new Map(rows().size > MAX_KEPT ? near(rows(), page * PAGE) : rows())
      for (const [index, row] of found) kept.set(index, row)
      setRows(kept)
      setTotal(count)
    } catch (error) {
      onError(error as Error)
    } finally {
      if (mine === generation) loading.delete(page)
    }
  }

  /** Pages that hold the rows now seen. */
  function pagesSeen(): number[] {
    const pages: number[] = []
    for (let page = Math.floor(seen.first / PAGE); page * PAGE <= seen.last; page++) pages.push(page)
    return pages
  }

  return {
    total,
    rows,
    /** Tells which rows are on the screen; what is missing is fetched. */
    look(first: number, last: number): void {
      seen = { first: Math.max(0, first), last }
      const isMissing = (page: number): boolean => {
        const end = Math.min((page + 1) * PAGE, total() ?? PAGE)
        for (let i = page * PAGE; i < end; i++) if (!rows().has(i)) return true
        return false
      }
      for (const page of pagesSeen()) if (isMissing(page)) void load(page)
    },
    /** Shows another query from its beginning. */
    show(next: Filter): Promise<void> {
      filter = next
      generation++
      loading.clear()
      seen = { first: 0, last: PAGE - 1 }
      setRows(new Map())
      setTotal(undefined)
      return load(0)
    },
    /** Something changed: what is seen is fetched anew, the rest is forgotten. */
    async refresh(): Promise<void> {
      const mine = ++generation
      loading.clear()
      try {
        const answers = await Promise.all(pagesSeen().map(fetchPage))
        if (mine !== generation) return
        setRows(new Map(answers.flatMap(([found]) => [...found])))
        setTotal(answers[0]?.[1] ?? 0)
      } catch (error) {
        onError(error as Error)
      }
    },
  }
}
export type List = ReturnType<typeof createList>

function* near(rows: ReadonlyMap<number, Row>, index: number): Iterable<[number, Row]> {
  for (const entry of rows) if (Math.abs(entry[0] - index) < MAX_KEPT / 2) yield entry
}
