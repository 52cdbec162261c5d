// A conversation: its subject, what can be done with it, and its messages, of which only the needed are unfolded.

import { createEffect, createMemo, createSignal, For, on, Show } from 'solid-js'
import { Icon, type IconName } from '../parts/icons.tsx'
import { answerTo, forwardOf } from './draft.ts'
import { isStarred, type Row } from './list.ts'
import { Message } from './Message.tsx'
import { fetchEmails } from './read.ts'
import type { Mail } from './state.ts'

export function Reader(props: { mail: Mail }) {
  const { mail } = props
  const [unfolded, setUnfolded] = createSignal<ReadonlySet<string>>(new Set())
  let heading: HTMLHeadingElement | undefined
  const known = new Set<string>()

  // The last message and the unread ones are unfolded when they come; what the person folds stays folded.
  createEffect(
    on(mail.thread, (emails) => {
      if (emails.length === 0) return
      const isFirst = known.size === 0
      const fresh = emails.filter(({ id }) => !known.has(id))
      for (const { id } of fresh) known.add(id)
      const open = fresh.filter((email) => !email.keywords.$seen || email === emails.at(-1)).map(({ id }) => id)
      if (open.length > 0) setUnfolded(new Set([...unfolded(), ...open]))
      const unread = open.filter((id) => !emails.find((email) => email.id === id)?.keywords.$seen)
      if (unread.length > 0) void mail.setKeyword(unread, '$seen', true)
      if (isFirst) queueMicrotask(() => heading?.focus())
    }),
  )

  const toggle = (id: string): void => {
    const next = new Set(unfolded())
    if (!next.delete(id)) next.add(id)
    setUnfolded(next)
  }
  const subject = () => mail.thread().at(-1)?.subject || '(no subject)'
  const row = createMemo(() => mail.currentRow())
  const isStar = () => mail.thread().some(({ keywords }) => keywords.$flagged)
  const last = () => mail.thread().findLast(({ keywords }) => !keywords.$draft)

  async function answer(kind: 'one' | 'all' | 'forward'): Promise<void> {
    const id = last()?.id
    const [email] = id ? await fetchEmails(mail.jmap, [id]) : []
    if (email)
      mail.compose(
        kind === 'forward'
          ? forwardOf(email, mail.identities()[0])
          : answerTo(email, kind === 'all', mail.identities()),
      )
  }

  const withRow = (action: (now: Row) => unknown) => () => {
    const now = row()
    if (now) action(now)
  }

  return (
    <Show when={mail.thread().length > 0} fallback={<div class="reader-loading" aria-busy="true" />}>
      <article class="reader">
        <header class="reader-head">
          <div class="actions" role="toolbar" aria-label="Conversation">
            <Action icon="back" label="Back to the list" class="back" onClick={() => mail.close()} />
            <Action
              icon="archive"
              label="Archive"
              onClick={withRow((now) => mail.move(now, mail.byRole('archive'), 'Archived.'))}
            />
            <Show
              when={mail.inView()?.role !== 'junk'}
              fallback={
                <Action
                  icon="inbox"
                  label="Not junk"
                  onClick={withRow((now) => mail.move(now, mail.byRole('inbox'), 'Moved to the Inbox.'))}
                />
              }
            >
              <Action
                icon="junk"
                label="Junk"
                onClick={withRow((now) => mail.move(now, mail.byRole('junk'), 'Moved to Junk.'))}
              />
            </Show>
            <Action icon="trash" label="Delete" onClick={withRow((now) => mail.remove(now))} />
            <MoveMenu mail={mail} />
            <span class="gap" />
            <Action
              icon="unread"
              label="Mark as unread"
              onClick={() => {
                const id = mail.thread().at(-1)?.id
                mail.close()
                if (id) void mail.setKeyword([id], '$seen', false)
              }}
            />
            <Action
              icon="star"
              label={isStar() ? 'Remove the star' : 'Star'}
              filled={isStar()}
              onClick={withRow((now) =>
                mail.setKeyword(isStarred(now) ? mail.idsOf(now) : [mail.thread().at(-1)!.id], '$flagged', !isStar()),
              )}
            />
          </div>
          <h1 ref={heading} tabindex={-1}>
            {subject()}
          </h1>
        </header>
        <div class="messages">
          <For each={mail.thread().map(({ id }) => id)}>
            {(id) => <Message mail={mail} id={id} isUnfolded={unfolded().has(id)} onToggle={() => toggle(id)} />}
          </For>
        </div>
        <footer class="reader-end">
          <button type="button" onClick={() => void answer('one')}>
            <Icon name="reply" /> Reply
          </button>
          <button type="button" onClick={() => void answer('all')}>
            <Icon name="replyAll" /> Reply all
          </button>
          <button type="button" onClick={() => void answer('forward')}>
            <Icon name="forward" /> Forward
          </button>
        </footer>
      </article>
    </Show>
  )
}

function Action(props: { icon: IconName; label: string; class?: string; filled?: boolean; onClick: () => void }) {
  return (
    <button
      type="button"
      class={`icon-button ${props.class ?? ''}`}
      aria-label={props.label}
      title={props.label}
      onClick={() => props.onClick()}
    >
      <Icon name={props.icon} filled={props.filled} />
    </button>
  )
}

function MoveMenu(props: { mail: Mail }) {
  const targets = () =>
    props.mail
      .mailboxes()
      .filter(({ id, role }) => id !== props.mail.inView()?.id && role !== 'drafts' && role !== 'sent')
  return (
    <label class="icon-button move" title="Move to a folder">
      <Icon name="move" />
      <select
        aria-label="Move to a folder"
        onChange={(event) => {
          const target = targets().find(({ id }) => id === event.currentTarget.value)
          const row = props.mail.currentRow()
          if (target && row) void props.mail.move(row, target, `Moved to ${target.name}.`)
          event.currentTarget.value = ''
        }}
      >
        <option value="">Move to …</option>
        <For each={targets()}>{(mailbox) => <option value={mailbox.id}>{mailbox.name}</option>}</For>
      </select>
    </label>
  )
}
