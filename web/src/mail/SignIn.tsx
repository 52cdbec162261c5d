// The sign-in form. A demo offers its people by name.

import { createResource, createSignal, For, onMount, Show } from 'solid-js'
import { ApiError, type Me, request, type Welcome } from '../api.ts'
import { Logo } from '../parts/icons.tsx'
import { canUsePasskeys, usePasskey } from '../passkeys.ts'
import { OtherSignIn } from './OtherSignIn.tsx'

export function SignIn(props: { title?: string; onDone: (me: Me) => void }) {
  const [welcome] = createResource(() => request<Welcome>('GET', '/api/welcome').catch(() => undefined))
  const [address, setAddress] = createSignal('')
  const [password, setPassword] = createSignal('')
  const [code, setCode] = createSignal('')
  const [needsCode, setNeedsCode] = createSignal(false)
  const [toSign, setToSign] = createSignal<PublicKeyCredentialRequestOptionsJSON>()
  const [error, setError] = createSignal('')
  const [isBusy, setIsBusy] = createSignal(false)
  let first!: HTMLInputElement
  onMount(() => first.focus())

  async function attempt(work: () => Promise<Me>): Promise<void> {
    setIsBusy(true)
    setError('')
    try {
      props.onDone(await work())
    } catch (failure) {
      if (failure instanceof ApiError) {
        setNeedsCode(failure.needsCode)
        setToSign(failure.passkey)
      }
      setError((failure as Error).message)
    } finally {
      setIsBusy(false)
    }
  }

  const signIn = (who: { address: string; password: string; code?: string; passkey?: object }) =>
    attempt(() => {
      const { address, password, code, passkey } = who
      return request<Me>('POST', '/api/sign-in', { address, password, code, passkey })
    })

  const signInByPasskey = () =>
    attempt(async () => {
      const options = await request<PublicKeyCredentialRequestOptionsJSON>('POST', '/api/passkey', {})
      return request<Me>('POST', '/api/passkey', { response: await usePasskey(options) })
    })

  /** After the password, in place of the code. */
  const signInByBoth = () =>
    attempt(async () => {
      const passkey = await usePasskey(toSign()!)
      return request<Me>('POST', '/api/sign-in', { address: address(), password: password(), passkey })
    })

  return (
    <main class="sign-in">
      <a class="brand" href="/">
        <Logo /> Borderpost
      </a>
      <form
        class="card"
        onSubmit={(event) => {
          event.preventDefault()
          void signIn({ address: address(), password: password(), ...(needsCode() && { code: code() }) })
        }}
      >
        <h1>{props.title ?? 'Read mail'}</h1>
        <label for="address">Address</label>
        <input
          id="address"
          ref={first}
          type="email"
          autocomplete="username"
          required
          value={address()}
          onInput={(event) => setAddress(event.currentTarget.value)}
        />
        <label for="password">Password</label>
        <input
          id="password"
          type="password"
          autocomplete="current-password"
          required
          value={password()}
          onInput={(event) => setPassword(event.currentTarget.value)}
        />
        <Show when={needsCode()}>
          <label for="code">Code</label>
          <input
            id="code"
            ref={(field) => queueMicrotask(() => field.focus())}
            autocomplete="one-time-code"
            required
            maxlength={40}
            value={code()}
            onInput={(event) => setCode(event.currentTarget.value)}
          />
          <p class="quiet">Six digits from your telephone, or a recovery code.</p>
          <Show when={toSign() !== undefined && canUsePasskeys()}>
            <button type="button" disabled={isBusy()} onClick={() => void signInByBoth()}>
              Use a passkey instead
            </button>
          </Show>
        </Show>
        <p class="error" role="alert">
          {error()}
        </p>
        <button type="submit" class="primary" disabled={isBusy()}>
          Sign in
        </button>
        <Show when={welcome()?.hasPasskeys && canUsePasskeys() && !needsCode()}>
          <button type="button" disabled={isBusy()} onClick={() => void signInByPasskey()}>
            Sign in with a passkey
          </button>
        </Show>
      </form>
      <Show when={welcome()?.otherIssuers.length}>
        <OtherSignIn others={welcome()!.otherIssuers} onDone={props.onDone} />
      </Show>
      <Show when={welcome()?.people.length}>
        <section class="people" aria-label="People of the demo">
          <p class="quiet">This is a demo. Come in as</p>
          <div class="row">
            <For each={welcome()!.people}>
              {(person) => (
                <button type="button" disabled={isBusy()} onClick={() => void signIn(person)}>
                  <strong>{person.name}</strong>
                  <span>{person.address}</span>
                </button>
              )}
            </For>
          </div>
        </section>
      </Show>
    </main>
  )
}
