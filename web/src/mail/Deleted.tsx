// Recently deleted: what left the last mailbox it was in, as long as it can be brought back.

import { createResource, createSignal, For, Show } from 'solid-js'
import { type Address, describeSetError } from '../jmap.ts'
import type { Mail } from './state.ts'

interface DeletedEmail {
  readonly id: string
  readonly subject: string
  readonly from: readonly Address[]
  readonly mailboxName: string
  readonly size: number
  readonly deletedAt: string
}

const moment = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' })

export function DeletedSettings(props: { mail: Mail }) {
  const [status, setStatus] = createSignal('')
  const [list, { refetch }] = createResource(async (): Promise<readonly DeletedEmail[]> => {
    const [answer] = await props.mail.jmap.call(['DeletedEmail/get', {}])
    return answer.list
  })

  async function act(method: 'restore' | 'destroy', ids: readonly string[]): Promise<void> {
    setStatus('')
    try {
      const [answer] = await props.mail.jmap.call([`DeletedEmail/${method}`, { ids }])
      const [refused] = Object.values<{ type: string }>(answer.notRestored ?? answer.notDestroyed)
      if (refused) throw new Error(describeSetError(refused))
      setStatus(method === 'restore' ? 'It is back where it was, or in the inbox.' : 'It is gone for good.')
    } catch (error) {
      setStatus((error as Error).message)
    }
    await refetch()
  }

  return (
    <section class="setting" id="recently-deleted">
      <h3>Recently deleted</h3>
      <p class="quiet">What was deleted, also by other programs, can be brought back for a while.</p>
      <ul class="trusted">
        <For each={list()} fallback={list() && <li class="quiet">Nothing.</li>}>
          {(email) => (
            <li>
              <span>
                <strong>{email.subject || '(no subject)'}</strong>
                <span class="quiet">
                  {' '}
                  {email.from[0]?.name || email.from[0]?.email}
                  <br />
                  deleted {moment.format(new Date(email.deletedAt))} from {email.mailboxName}
                </span>
              </span>
              <span>
                <button type="button" onClick={() => void act('restore', [email.id])}>
                  Bring back
                </button>{' '}
                <button type="button" onClick={() => void act('destroy', [email.id])}>
                  Delete for good
                </button>
              </span>
            </li>
          )}
        </For>
      </ul>
      <Show when={status()}>
        <p role="status">{status()}</p>
      </Show>
    </section>
  )
}
