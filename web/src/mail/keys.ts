// The keys, as in most webmail. Never while one writes, and they can be turned off (WCAG 2.1.4).

import { answerTo, forwardOf } from './draft.ts'
import { isStarred } from './list.ts'
import { fetchEmails } from './read.ts'
import type { Mail } from './state.ts'

const OFF = 'keys-off'
export const areKeysOn = (): boolean => localStorage.getItem(OFF) === null
export const setKeysOn = (isOn: boolean): void => (isOn ? localStorage.removeItem(OFF) : localStorage.setItem(OFF, '1'))

export const KEYS: readonly (readonly [key: string, what: string])[] = [
  ['j', 'Next conversation'],
  ['k', 'Previous conversation'],
  ['o or Enter', 'Open'],
  ['u', 'Back to the list'],
  ['c', 'Write'],
  ['r', 'Reply'],
  ['a', 'Reply all'],
  ['f', 'Forward'],
  ['e', 'Archive'],
  ['#', 'Delete'],
  ['!', 'Junk'],
  ['s', 'Star'],
  ['U', 'Mark as unread'],
  ['/', 'Search'],
  ['?', 'This list'],
  ['Ctrl + Enter', 'Send, while writing'],
]

export function listenToKeys(
  mail: Mail,
  also: { compose: () => void; search: () => void; help: () => void },
): () => void {
  const row = () => mail.currentRow()

  async function answer(kind: 'one' | 'all' | 'forward'): Promise<void> {
    const id = mail.openThread() ? mail.thread().findLast(({ keywords }) => !keywords.$draft)?.id : row()?.email.id
    const [email] = id ? await fetchEmails(mail.jmap, [id]) : []
    if (!email) return
    mail.compose(
      kind === 'forward' ? forwardOf(email, mail.identities()[0]) : answerTo(email, kind === 'all', mail.identities()),
    )
  }

  function step(by: number): void {
    const next = Math.min((mail.list.total() ?? 1) - 1, Math.max(0, mail.cursor() + by))
    mail.setCursor(next)
    if (mail.openThread()) mail.open(next)
  }

  const actions: Record<string, () => unknown> = {
    j: () => step(1),
    k: () => step(-1),
    o: () => mail.open(mail.cursor()),
    Enter: () => mail.open(mail.cursor()),
    u: () => mail.close(),
    Escape: () => mail.close(),
    c: also.compose,
    r: () => answer('one'),
    a: () => answer('all'),
    f: () => answer('forward'),
    e: () => row() && mail.move(row()!, mail.byRole('archive'), 'Archived.'),
    '#': () => row() && mail.remove(row()!),
    Delete: () => row() && mail.remove(row()!),
    '!': () => row() && mail.move(row()!, mail.byRole('junk'), 'Moved to Junk.'),
    s: () =>
      row() &&
      mail.setKeyword(isStarred(row()!) ? mail.idsOf(row()!) : [row()!.email.id], '$flagged', !isStarred(row()!)),
    U: () => {
      const now = row()
      mail.close()
      return now && mail.setKeyword([now.email.id], '$seen', false)
    },
    '/': also.search,
    '?': also.help,
  }

  function onKey(event: KeyboardEvent): void {
    const target = event.target as HTMLElement | null
    const isInControl =
      target instanceof HTMLElement && target.closest('input, textarea, select, [contenteditable], dialog, .compose')
    const isOnButton =
      target instanceof HTMLElement &&
      target.closest('button, a, summary') &&
      (event.key === 'Enter' || event.key === ' ')
    if (
      isInControl ||
      isOnButton ||
      event.ctrlKey ||
      event.metaKey ||
      event.altKey ||
      event.defaultPrevented ||
      !areKeysOn()
    )
      return
    const action = actions[event.key]
    if (!action) return
    event.preventDefault()
    action()
  }
  document.addEventListener('keydown', onKey)
  return () => document.removeEventListener('keydown', onKey)
}
