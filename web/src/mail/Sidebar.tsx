// The folders, with what is unread in them.

import { For, Show } from 'solid-js'
import type { Mailbox } from '../jmap.ts'
import { Icon, type IconName } from '../parts/icons.tsx'
import type { Mail } from './state.ts'

const ICONS: Record<string, IconName> = {
  inbox: 'inbox',
  drafts: 'drafts',
  sent: 'sent',
  archive: 'archive',
  junk: 'junk',
  trash: 'trash',
}

interface Placed {
  readonly mailbox: Mailbox
  readonly depth: number
}

/** Parents before their children. */
function asTree(mailboxes: readonly Mailbox[], parent: string | null = null, depth = 0): Placed[] {
  return mailboxes
    .filter(({ parentId }) => parentId === parent)
    .flatMap((mailbox) => [{ mailbox, depth }, ...asTree(mailboxes, mailbox.id, depth + 1)])
}

export function Sidebar(props: { mail: Mail; onCompose: () => void; onPick: () => void; onHelp: () => void }) {
  const { mail } = props
  const isHere = (mailbox: Mailbox): boolean => mail.inView()?.id === mailbox.id
  // Drafts are not read or unread: all of them are told.
  const count = (mailbox: Mailbox): number =>
    mailbox.role === 'drafts' ? mailbox.totalEmails : mailbox.role === 'trash' ? 0 : mailbox.unreadEmails

  async function addFolder(): Promise<void> {
    const name = prompt('Name of the new folder')?.trim()
    if (!name) return
    await mail.jmap.set('Mailbox/set', { create: { new: { name } } }).catch(mail.fail)
    mail.refresh()
  }

  return (
    <nav class="sidebar" aria-label="Folders">
      <button type="button" class="primary compose-button" onClick={() => props.onCompose()}>
        <Icon name="pen" /> Write
      </button>
      <ul>
        <For each={asTree(mail.mailboxes())}>
          {({ mailbox, depth }) => (
            <li>
              <button
                type="button"
                class="folder"
                classList={{ [`depth-${Math.min(depth, 4)}`]: true }}
                aria-current={isHere(mailbox) ? 'page' : undefined}
                aria-label={`${mailbox.name}${count(mailbox) > 0 ? `, ${count(mailbox)} ${mailbox.role === 'drafts' ? 'drafts' : 'unread'}` : ''}`}
                onClick={() => {
                  mail.show({ mailbox: mailbox.id })
                  props.onPick()
                }}
              >
                <Icon name={ICONS[mailbox.role ?? ''] ?? 'folder'} />
                <span class="folder-name">{mailbox.name}</span>
                <Show when={count(mailbox) > 0}>
                  <span class="count" classList={{ strong: mailbox.role === 'inbox' }}>
                    {count(mailbox)}
                  </span>
                </Show>
              </button>
            </li>
          )}
        </For>
      </ul>
      <div class="sidebar-end">
        <button type="button" class="plain" onClick={addFolder}>
          New folder
        </button>
        <a class="plain" href="/live">
          Watch the system
        </a>
        <Show when={mail.me.address.startsWith('postmaster@')}>
          <a class="plain" href="/reports">
            Reports
          </a>
        </Show>
        <button type="button" class="plain" onClick={() => props.onHelp()}>
          Keys
        </button>
      </div>
    </nav>
  )
}
