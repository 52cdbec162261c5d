// Everything the webmail knows: who, which folders, which list, which conversation; and what can be done to them.

import { createSignal, onCleanup } from 'solid-js'
import { ApiError, type Me } from '../api.ts'
import { type Answer, type EmailRow, type Identity, Jmap, type Mailbox, ROW_PROPERTIES } from '../jmap.ts'
import type { Draft } from './draft.ts'
import { createList, type Row } from './list.ts'
import { parseSearch } from './search.ts'

export interface Toast {
  readonly text: string
  readonly undo?: () => Promise<void>
}

export type View = { readonly mailbox: string } | { readonly search: string }

const TOAST_MS = 8000
const REFRESH_MS = 60

export function createMail(me: Me) {
  const jmap = new Jmap(me.accountId)
  const [mailboxes, setMailboxes] = createSignal<Mailbox[]>([])
  const [identities, setIdentities] = createSignal<Identity[]>([])
  const [view, setView] = createSignal<View>()
  const [cursor, setCursor] = createSignal(0)
  const [openThread, setOpenThread] = createSignal<string>()
  const [thread, setThread] = createSignal<EmailRow[]>([])
  const [composing, setComposing] = createSignal<Draft>()
  const [toast, setToast] = createSignal<Toast>()
  /** Grows with every change, so that what is open looks again. */
  const [tick, setTick] = createSignal(0)

  function fail(error: Error): void {
    // Signed out elsewhere, or the password is another: the page begins again with its form.
    if (error instanceof ApiError && error.status === 401) location.reload()
    else say({ text: error.message })
  }
  const list = createList(jmap, fail)

  let toastTimer = 0
  function say(next: Toast): void {
    clearTimeout(toastTimer)
    setToast(next)
    toastTimer = window.setTimeout(() => setToast(undefined), TOAST_MS)
  }

  const byRole = (role: string): Mailbox | undefined => mailboxes().find((mailbox) => mailbox.role === role)
  const inView = (): Mailbox | undefined => {
    const now = view()
    return now && 'mailbox' in now ? mailboxes().find(({ id }) => id === now.mailbox) : undefined
  }

  async function loadMailboxes(): Promise<void> {
    const properties = ['id', 'name', 'parentId', 'role', 'sortOrder', 'totalEmails', 'unreadEmails']
    const [answer] = await jmap.call(['Mailbox/get', { properties }])
    const before = byRole('inbox')
    const sorted = (answer.list as Mailbox[]).sort((a, b) => a.sortOrder - b.sortOrder || a.name.localeCompare(b.name))
    setMailboxes(sorted)
    const after = byRole('inbox')
    if (before && after && after.totalEmails > before.totalEmails && after.unreadEmails > before.unreadEmails)
      say({
        text:
          after.totalEmails - before.totalEmails === 1 ? 'A new message has arrived.' : 'New messages have arrived.',
      })
    document.title = `${after?.unreadEmails ? `(${after.unreadEmails}) ` : ''}Mail · Borderpost`
  }

  async function loadThread(id: string): Promise<void> {
    const [threads, emails] = await jmap.call(
      ['Thread/get', { ids: [id] }],
      [
        'Email/get',
        { '#ids': { resultOf: '0', name: 'Thread/get', path: '/list/*/emailIds' }, properties: ROW_PROPERTIES },
      ],
    )
    if (openThread() !== id) return
    const order: string[] = threads.list[0]?.emailIds ?? []
    const byId = new Map<string, EmailRow>(emails.list.map((email: EmailRow) => [email.id, email]))
    const trash = byRole('trash')?.id ?? ''
    const shown = order.map((emailId) => byId.get(emailId)).filter((email) => email !== undefined)
    // What was thrown away is not part of the conversation, unless one looks into the Trash.
    const kept = shown.filter((email) => inView()?.role === 'trash' || !(trash in email.mailboxIds))
    setThread(kept)
    if (kept.length === 0) close()
  }

  /** After any change, ours or not: folders, list and conversation look again; many changes at once, one look. */
  let refreshTimer = 0
  function refresh(): void {
    clearTimeout(refreshTimer)
    refreshTimer = window.setTimeout(() => {
      loadMailboxes().catch(fail)
      void list.refresh()
      const id = openThread()
      if (id) loadThread(id).catch(fail)
      setTick(tick() + 1)
    }, REFRESH_MS)
  }

  function showView(next: View): void {
    setView(next)
    setCursor(0)
    void list.show('mailbox' in next ? { inMailbox: next.mailbox } : parseSearch(next.search, mailboxes()))
  }

  /** The address bar says what is shown: `#/m1/t5`, `#/search/lunch/t5`. */
  function writeAddress(next: View, id?: string): void {
    const place = 'mailbox' in next ? next.mailbox : `search/${encodeURIComponent(next.search)}`
    const hash = `#/${place}${id ? `/${id}` : ''}`
    if (location.hash !== hash) history.pushState(null, '', location.pathname + hash)
  }

  function readAddress(): void {
    const parts = location.hash.slice(2).split('/')
    const next: View =
      parts[0] === 'search'
        ? { search: decodeURIComponent(parts[1] ?? '') }
        : { mailbox: parts[0] || byRole('inbox')?.id || '' }
    const id = parts[parts[0] === 'search' ? 2 : 1]
    if (JSON.stringify(next) !== JSON.stringify(view())) showView(next)
    if (id) openById(id)
    else setOpenThread(undefined)
  }

  function openById(id: string): void {
    if (openThread() === id) return
    setThread([])
    setOpenThread(id)
    loadThread(id).catch(fail)
  }

  function close(): void {
    setOpenThread(undefined)
    if (view()) writeAddress(view()!)
  }

  /** Patches for several emails at once; refusals are told. */
  async function change(update: Record<string, object>): Promise<void> {
    try {
      await jmap.set('Email/set', { update })
    } catch (error) {
      fail(error as Error)
    }
    refresh()
  }

  const each = (ids: readonly string[], patch: object): Record<string, object> =>
    Object.fromEntries(ids.map((id) => [id, patch]))

  /** The emails of a row that an action means: those in the folder shown, or all. */
  function idsOf(row: Row): string[] {
    const here = inView()?.id
    const inHere = row.thread.filter(({ mailboxIds }) => here === undefined || here in mailboxIds)
    return inHere.map(({ id }) => id)
  }

  const mail = {
    me,
    jmap,
    mailboxes,
    identities,
    view,
    list,
    cursor,
    setCursor,
    openThread,
    thread,
    composing,
    toast,
    tick,
    say,
    fail,
    byRole,
    inView,
    refresh,
    close,
    compose: (draft: Draft | undefined) => setComposing(draft),
    dismissToast: () => setToast(undefined),

    show(next: View): void {
      setOpenThread(undefined)
      showView(next)
      writeAddress(next)
    },

    open(index: number): void {
      const row = list.rows().get(index)
      if (!row) return
      setCursor(index)
      openById(row.email.threadId)
      writeAddress(view()!, row.email.threadId)
    },

    currentRow: (): Row | undefined => {
      const id = openThread()
      const atCursor = list.rows().get(cursor())
      if (id === undefined || atCursor?.email.threadId === id) return atCursor
      return [...list.rows().values()].find(({ email }) => email.threadId === id)
    },

    setKeyword: (ids: readonly string[], keyword: string, isSet: boolean) =>
      change(each(ids, { [`keywords/${keyword}`]: isSet ? true : null })),

    /** Moves the conversation out of the folder shown into another, with a way back. */
    async move(row: Row, target: Mailbox | undefined, done: string): Promise<void> {
      if (!target || target.id === inView()?.id) return
      const ids = idsOf(row)
      const before = new Map(row.thread.map(({ id, mailboxIds }) => [id, mailboxIds]))
      if (openThread() === row.email.threadId) close()
      await change(each(ids, { mailboxIds: { [target.id]: true } }))
      const back = Object.fromEntries(ids.map((id) => [id, { mailboxIds: before.get(id) }]))
      say({ text: done, undo: () => change(back) })
    },

    /** To the Trash; from there (and from Drafts) for good, after a question. */
    async remove(row: Row): Promise<void> {
      if (inView()?.role !== 'trash') return mail.move(row, byRole('trash'), 'Moved to Trash.')
      if (!confirm('Delete this conversation for ever?')) return
      if (openThread() === row.email.threadId) close()
      await jmap.set('Email/set', { destroy: idsOf(row) }).catch(fail)
      refresh()
    },

    idsOf,

    async start(): Promise<void> {
      await loadMailboxes()
      const [answer] = await jmap.call(['Identity/get', {}])
      setIdentities(answer.list as Identity[])
      readAddress()
    },

    async reloadIdentities(): Promise<void> {
      const [answer]: Answer[] = await jmap.call(['Identity/get', {}])
      setIdentities(answer.list)
    },
  }

  const stop = jmap.watch(refresh)
  window.addEventListener('popstate', readAddress)
  onCleanup(() => {
    stop()
    window.removeEventListener('popstate', readAddress)
  })
  return mail
}
export type Mail = ReturnType<typeof createMail>
