// A program asks for access: who it is, what it may do then, and the person's answer. Whoever did not sign in a moment ago
// signs in first, since what is allowed here outlasts the browser.

import { createResource, Show } from 'solid-js'
import '../style/mail.css'
import { type Me, request } from '../api.ts'
import { SignIn } from '../mail/SignIn.tsx'
import { type Asked, Brand, Consent } from './Consent.tsx'

type Onward = { readonly to: string }

export function AuthorizePage() {
  document.title = 'Access · Borderpost'
  const query = location.search.slice(1)
  const [asked] = createResource(() =>
    request<Asked | Onward>('GET', `/api/authorization?${query}`).catch((error: Error) => error),
  )
  const [me, { mutate }] = createResource<Me | null>(() => request<Me>('GET', '/api/me').catch(() => null))
  const answer = async (allow: boolean): Promise<void> => {
    const { to } = await request<Onward>('POST', '/api/authorization', { query, allow })
    location.assign(to)
  }
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
            {(person) => <Consent asked={program()} me={person()} answer={answer} onSignInAgain={() => mutate(null)} />}
          </Show>
        )}
      </Show>
    </Show>
  )
}
