// A program asks for access: who it is, what it may do then, and the person's answer. Whoever did not sign in a moment ago
// signs in first, since what is allowed here outlasts the browser.

import { createResource, createSignal, For, Show } from 'solid-js'
import '../style/mail.css'
import { ApiError, type Me, request } from '../api.ts'
import { SignIn } from '../mail/SignIn.tsx'
import { DOOR_NAMES } from '../mail/security/parts.ts'
import { Logo } from '../parts/icons.tsx'

interface Asked {
  readonly program: string
  /** It chose its name itself. */
  readonly isRegistered: boolean
  /** The host that hears the answer; null: this computer. */
  readonly goesTo: string | null
  readonly doors: readonly string[]
  readonly tells: readonly string[]
}
type Onward = { readonly to: string }

const TELLS: Readonly<Record<string, string>> = {
  openid: 'know that it is you',
  email: 'know your address',
  profile: 'know your name',
}

export function AuthorizePage() {
  document.title = 'Access · Borderpost'
  const query = location.search.slice(1)
  const [asked] = createResource(() =>
    request<Asked | Onward>('GET', `/api/authorization?${query}`).catch((error: Error) => error),
  )
  const [me, { mutate }] = createResource<Me | null>(() => request<Me>('GET', '/api/me').catch(() => null))
  const shown = () => {
    const answer = asked()
    if (answer instanceof Error || answer === undefined) return undefined
    if ('to' in answer) {
      location.replace(answer.to)
      return undefined
    }
    return answer
  }
  const wrong = () => {
    const answer = asked()
    return answer instanceof Error ? answer.message : undefined
  }

  return (
    <Show when={me.state === 'ready' && asked.state === 'ready'} fallback={<main class="waiting" aria-busy="true" />}>
      <Show when={wrong()}>
        {(text) => (
          <main class="sign-in">
            <Brand />
            <div class="card">
              <h1>No access</h1>
              <p class="error" role="alert">
                {text()}
              </p>
            </div>
          </main>
        )}
      </Show>
      <Show when={shown()}>
        {(program) => (
          <Show when={me()} fallback={<SignIn title={`Sign in for ${program().program}`} onDone={mutate} />}>
            {(person) => <Consent asked={program()} me={person()} query={query} onSignInAgain={() => mutate(null)} />}
          </Show>
        )}
      </Show>
    </Show>
  )
}

function Consent(props: { asked: Asked; me: Me; query: string; onSignInAgain: () => void }) {
  const [error, setError] = createSignal('')
  const [isBusy, setIsBusy] = createSignal(false)

  async function answer(allow: boolean): Promise<void> {
    setIsBusy(true)
    setError('')
    try {
      const { to } = await request<Onward>('POST', '/api/authorization', { query: props.query, allow })
      location.assign(to)
    } catch (failure) {
      if (failure instanceof ApiError && failure.status === 401) props.onSignInAgain()
      else setError((failure as Error).message)
      setIsBusy(false)
    }
  }

  return (
    <main class="sign-in">
      <Brand />
      <form
        class="card"
        onSubmit={(event) => {
          event.preventDefault()
          void answer(true)
        }}
      >
        <h1>{props.asked.program}</h1>
        <p>wants access to the mail of {props.me.address}. It may then</p>
        <ul>
          <For each={props.asked.doors}>{(door) => <li>{DOOR_NAMES[door] ?? door}</li>}</For>
          <For each={props.asked.tells}>{(scope) => <li>{TELLS[scope] ?? scope}</li>}</For>
        </ul>
        <p class="quiet">
          {props.asked.isRegistered ? 'The program chose its name itself. ' : ''}
          {props.asked.goesTo === null
            ? 'It runs on this computer, and keeps access until you revoke it in the settings.'
            : `It runs at ${props.asked.goesTo}, and keeps access until you revoke it in the settings.`}
        </p>
        <p class="error" role="alert">
          {error()}
        </p>
        <button type="submit" class="primary" disabled={isBusy()}>
          Allow
        </button>
        <button type="button" disabled={isBusy()} onClick={() => void answer(false)}>
          Refuse
        </button>
        <button type="button" class="plain" disabled={isBusy()} onClick={() => props.onSignInAgain()}>
          Somebody else
        </button>
      </form>
    </main>
  )
}

function Brand() {
  return (
    <a class="brand" href="/">
      <Logo /> Borderpost
    </a>
  )
}
