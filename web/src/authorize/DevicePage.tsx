// A device without a browser asks for access: its owner types the code that it shows, and answers here.

import { createResource, createSignal, Match, Show, Switch } from 'solid-js'
import '../style/mail.css'
import { type Me, request } from '../api.ts'
import { SignIn } from '../mail/SignIn.tsx'
import { type Asked, Brand, Consent } from './Consent.tsx'

export function DevicePage() {
  document.title = 'A device · Borderpost'
  const [me, { mutate }] = createResource<Me | null>(() => request<Me>('GET', '/api/me').catch(() => null))
  const [code, setCode] = createSignal(new URLSearchParams(location.search).get('user_code') ?? '')
  const [asked, setAsked] = createSignal<Asked>()
  const [done, setDone] = createSignal('')
  const [error, setError] = createSignal('')

  async function look(event: SubmitEvent): Promise<void> {
    event.preventDefault()
    setError('')
    try {
      setAsked(await request<Asked>('POST', '/api/device', { userCode: code() }))
    } catch (failure) {
      setError((failure as Error).message)
    }
  }

  async function answer(allow: boolean): Promise<void> {
    await request('POST', '/api/device', { userCode: code(), allow })
    setDone(allow ? 'The device has access now. You may close this page.' : 'The device has no access.')
  }

  return (
    <Show when={me.state === 'ready'} fallback={<main class="waiting" aria-busy="true" />}>
      <Show when={me()} fallback={<SignIn title="Let a device in" onDone={mutate} />}>
        {(person) => (
          <Switch>
            <Match when={done()}>
              <main class="sign-in">
                <Brand />
                <div class="card">
                  <p role="status">{done()}</p>
                </div>
              </main>
            </Match>
            <Match when={asked()}>
              {(program) => (
                <Consent asked={program()} me={person()} answer={answer} onSignInAgain={() => mutate(null)} />
              )}
            </Match>
            <Match when={true}>
              <main class="sign-in">
                <Brand />
                <form class="card" onSubmit={(event) => void look(event)}>
                  <h1>Let a device in</h1>
                  <label for="user-code">The code that it shows</label>
                  <input
                    id="user-code"
                    autocomplete="off"
                    required
                    maxlength={40}
                    value={code()}
                    onInput={(event) => setCode(event.currentTarget.value)}
                  />
                  <p class="quiet">
                    Only go on if the device is yours, you asked it for this just now, and it shows this very code.
                    Never if somebody sent you here.
                  </p>
                  <p class="error" role="alert">
                    {error()}
                  </p>
                  <button type="submit" class="primary">
                    Go on
                  </button>
                </form>
              </main>
            </Match>
          </Switch>
        )}
      </Show>
    </Show>
  )
}
