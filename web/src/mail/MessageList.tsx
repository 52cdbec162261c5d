// The list of conversations: as long as the folder, but only what is on the screen is in the page.

import { createEffect, createMemo, createSignal, Index, onCleanup, onMount, Show } from 'solid-js'
import { firstName, hueOf, initialOf, nameOf, shortDate } from '../format.ts'
import { Icon } from '../parts/icons.tsx'
import { draftFrom } from './draft.ts'
import { isStarred, isUnread, type Row } from './list.ts'
import { fetchEmails } from './read.ts'
import type { Mail } from './state.ts'

/** Must agree with --row in mail.css. */
const ROW = 76
const SPARE = 6

export function MessageList(props: { mail: Mail }) {
  const { mail } = props
  const { list } = mail
  let scroller!: HTMLDivElement
  const [top, setTop] = createSignal(0)
  const [height, setHeight] = createSignal(600)

  onMount(() => {
    const observer = new ResizeObserver(() => setHeight(scroller.clientHeight))
    observer.observe(scroller)
    onCleanup(() => observer.disconnect())
  })

  const total = () => list.total() ?? 0
  const first = createMemo(() => Math.max(0, Math.floor(top() / ROW) - SPARE))
  const last = createMemo(() => Math.min(total() - 1, Math.ceil((top() + height()) / ROW) + SPARE))
  createEffect(() => {
    if (list.total() !== undefined) list.look(first(), last())
  })
  const indexes = createMemo(() => Array.from({ length: Math.max(0, last() - first() + 1) }, (_, i) => first() + i))

  // Another list begins at its top; a moved cursor is brought into sight.
  createEffect(() => {
    mail.view()
    scroller.scrollTop = 0
  })
  createEffect(() => {
    const at = mail.cursor() * ROW
    if (at < scroller.scrollTop) scroller.scrollTop = at
    else if (at + ROW > scroller.scrollTop + scroller.clientHeight)
      scroller.scrollTop = at + ROW - scroller.clientHeight
  })

  async function activate(index: number): Promise<void> {
    const row = list.rows().get(index)
    if (!row) return
    mail.setCursor(index)
    if (!row.email.keywords.$draft || row.thread.length > 1) return mail.open(index)
    const [email] = await fetchEmails(mail.jmap, [row.email.id])
    if (email) mail.compose(draftFrom(email, mail.identities()))
  }

  function onKeyDown(event: KeyboardEvent): void {
    const moves: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8, Home: -1e9, End: 1e9 }
    const move = moves[event.key]
    if (move !== undefined) {
      event.preventDefault()
      mail.setCursor(Math.min(total() - 1, Math.max(0, mail.cursor() + move)))
    } else if (event.key === 'Enter' || event.key === ' ') {
      event.preventDefault()
      void activate(mail.cursor())
    }
  }

  const title = () => {
    const view = mail.view()
    return view && 'search' in view ? `“${view.search}”` : (mail.inView()?.name ?? '')
  }

  return (
    <section class="list-pane" aria-label="Messages">
      <header class="list-head">
        <h1>{title()}</h1>
        <Show when={list.total() !== undefined}>
          <span class="quiet">{total() === 1 ? '1 conversation' : `${total().toLocaleString()} conversations`}</span>
        </Show>
      </header>
      {/* biome-ignore lint/a11y/useAriaActivedescendantWithTabindex: it has a tabindex */}
      <div
        id="list"
        class="rows"
        ref={scroller}
        role="listbox"
        tabindex={0}
        aria-label={`${title()}, messages`}
        aria-busy={list.total() === undefined}
        aria-activedescendant={total() > 0 ? `row-${mail.cursor()}` : undefined}
        onScroll={() => setTop(scroller.scrollTop)}
        onKeyDown={onKeyDown}
      >
        <Show when={list.total() === 0}>
          <p class="empty">{mail.view() && 'search' in mail.view()! ? 'Nothing was found.' : 'Nothing here.'}</p>
        </Show>
        <div class="rows-all" style={{ height: `${total() * ROW}px` }}>
          <Index each={indexes()}>
            {(index) => (
              <RowView
                mail={mail}
                index={index()}
                row={list.rows().get(index())}
                total={total()}
                onActivate={() => void activate(index())}
              />
            )}
          </Index>
        </div>
      </div>
    </section>
  )
}

function RowView(props: { mail: Mail; index: number; row: Row | undefined; total: number; onActivate: () => void }) {
  const isOutgoing = () => ['sent', 'drafts'].includes(props.mail.inView()?.role ?? '')
  const isOpen = () => props.row !== undefined && props.mail.openThread() === props.row.email.threadId
  const label = (row: Row): string =>
    [
      isUnread(row) ? 'Unread' : '',
      isStarred(row) ? 'starred' : '',
      people(row, isOutgoing(), props.mail.me.address),
      row.email.subject || 'no subject',
      shortDate(row.email.receivedAt),
      row.email.hasAttachment ? 'has attachment' : '',
    ]
      .filter((text) => text !== '')
      .join(', ')
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the listbox has the keys
    // biome-ignore lint/a11y/useFocusableInteractive: the listbox has the focus
    <div
      class="row-view"
      id={`row-${props.index}`}
      role="option"
      aria-selected={props.mail.cursor() === props.index}
      aria-setsize={props.total}
      aria-posinset={props.index + 1}
      aria-label={props.row ? label(props.row) : 'Loading'}
      classList={{ unread: props.row !== undefined && isUnread(props.row), open: isOpen() }}
      style={{ transform: `translateY(${props.index * ROW}px)` }}
      onClick={() => props.onActivate()}
    >
      <Show when={props.row} fallback={<span class="row-loading" />}>
        {(row) => {
          const who = () => (isOutgoing() ? row().email.to?.[0] : row().email.from?.[0])
          return (
            <>
              <span class="avatar" style={{ '--hue': String(hueOf(who()?.email ?? '')) }} aria-hidden="true">
                {initialOf(who())}
              </span>
              <span class="row-who">
                <span class="row-name">{people(row(), isOutgoing(), props.mail.me.address)}</span>
                <Show when={row().thread.length > 1}>
                  <span class="row-count">{row().thread.length}</span>
                </Show>
              </span>
              <span class="row-date">{shortDate(row().email.receivedAt)}</span>
              <span class="row-subject">{row().email.subject || '(no subject)'}</span>
              <span class="row-marks">
                <Show when={row().email.hasAttachment}>
                  <Icon name="clip" />
                </Show>
                <Show when={isStarred(row())}>
                  <Icon name="star" filled />
                </Show>
              </span>
              <span class="row-preview">{row().email.preview}</span>
            </>
          )
        }}
      </Show>
    </div>
  )
}

/** Who a row is about: the writers of the conversation, or whom one wrote to. */
function people(row: Row, isOutgoing: boolean, own: string): string {
  if (isOutgoing) return `To ${(row.email.to ?? []).map(nameOf).join(', ') || 'nobody yet'}`
  const writers = new Map<string, string>()
  for (const { from } of row.thread) {
    const [address] = from ?? []
    if (address)
      writers.set(
        address.email.toLowerCase(),
        address.email.toLowerCase() === own.toLowerCase() ? 'me' : firstName(address),
      )
  }
  return writers.size > 1 ? [...writers.values()].join(', ') : nameOf(row.email.from?.[0])
}
