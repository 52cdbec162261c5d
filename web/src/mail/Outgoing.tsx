// Why mail is slowed or held, and what to do: a line above the conversation, gone when all is well.

import { createResource, createSignal, Show } from 'solid-js'
import type { OutgoingView } from '../../../src/roles/outgoing/desk.ts'
import { request } from '../api.ts'

const SAYS = {
  free: () => '',
  slow: ({ slowed }: OutgoingView) =>
    `Your mail to people you never wrote to leaves slowly for a while${slowed > 0 ? ` (${slowed} waiting)` : ''}. Nothing is lost.`,
  hold: ({ held }: OutgoingView) =>
    `Your mail to people you never wrote to is held (${held} waiting). Mail to people you know goes on, and nothing is lost.`,
  suspend: () => 'Your mail to others is suspended.',
} as const

const HOW = {
  nothing: '',
  code: 'Was it you? Confirm it with a code of your second factor.',
  password: 'Was it you? Confirm it by changing your password in the settings.',
  administrator: 'Ask your postmaster how to go on. If it was not you, change your password.',
} as const

export function OutgoingBanner(props: { onSettings: () => void }) {
  const [state, { mutate }] = createResource(() => request<OutgoingView>('GET', '/api/outgoing').catch(() => undefined))
  const [error, setError] = createSignal('')
  const [code, setCode] = createSignal('')

  async function confirm(event: Event): Promise<void> {
    event.preventDefault()
    try {
      mutate(await request<OutgoingView>('POST', '/api/outgoing', { code: code() }))
      setError('')
    } catch (failure) {
      setError((failure as Error).message)
    }
  }

  return (
    <Show when={state() !== undefined && state()!.rung !== 'free'}>
      <form class="asks" role="status" aria-label="Outgoing mail" onSubmit={confirm}>
        <span>
          {SAYS[state()!.rung](state()!)} {state()!.why[0]} {HOW[state()!.confirmBy]}
          <Show when={error()}> {error()}</Show>
        </span>
        <Show when={state()!.confirmBy === 'code'}>
          <input
            aria-label="Code"
            autocomplete="one-time-code"
            size="10"
            value={code()}
            onInput={(event) => setCode(event.currentTarget.value)}
          />
          <button type="submit">Confirm</button>
        </Show>
        <Show when={state()!.confirmBy === 'password'}>
          <button type="button" onClick={props.onSettings}>
            Settings
          </button>
        </Show>
      </form>
    </Show>
  )
}
