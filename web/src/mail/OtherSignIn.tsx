// Signing in through another issuer: the way there, and what is to say or to ask when the person is back.

import { createSignal, For, Show } from 'solid-js'
import { type Me, request } from '../api.ts'

const FAULTS: Readonly<Record<string, string>> = {
  unreachable: 'The other system does not answer. Try again later, or sign in with your password.',
  'not-good': 'The answer of the other system was not good. Begin anew.',
  refused: 'The other system let nobody in.',
  unknown: 'Nobody here is known by that name. Sign in with your password, and link it in the settings.',
  'linked-elsewhere': 'It is linked to another account here, or there are too many.',
  busy: 'Too many tries. Wait a minute, then try again.',
  late: 'That took too long. Begin anew.',
}

export function OtherSignIn(props: {
  others: readonly { readonly agent: string; readonly name: string }[]
  onDone: (me: Me) => void
}) {
  const back = new URLSearchParams(location.search).get('sign-in')
  const onward = back === null ? `${location.pathname}${location.search}` : location.pathname
  const [error, setError] = createSignal(back === null || back === 'code' ? '' : (FAULTS[back] ?? ''))

  async function sendCode(event: SubmitEvent): Promise<void> {
    event.preventDefault()
    const code = new FormData(event.currentTarget as HTMLFormElement).get('code')
    setError('')
    try {
      const me = await request<Me>('POST', '/api/sign-in/code', { code })
      history.replaceState(null, '', location.pathname)
      props.onDone(me)
    } catch (failure) {
      setError((failure as Error).message)
    }
  }

  return (
    <section class="card" id="other-sign-in" aria-label="Through another system">
      <Show when={back === 'code'}>
        <form onSubmit={(event) => void sendCode(event)}>
          <label for="other-code">Now the code that your telephone shows</label>
          <input id="other-code" name="code" autocomplete="one-time-code" required maxlength={40} />
          <button type="submit" class="primary">
            Sign in
          </button>
        </form>
      </Show>
      <p class="error" role="alert">
        {error()}
      </p>
      <For each={props.others}>
        {(other) => (
          <a href={`/api/sign-in/other/${encodeURIComponent(other.agent)}?to=${encodeURIComponent(onward)}`}>
            Sign in with {other.name}
          </a>
        )}
      </For>
    </section>
  )
}
