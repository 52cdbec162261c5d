// Passkeys: what signs in instead of a password.

import { createSignal, For, Show } from 'solid-js'
import { attempting } from '../../parts/attempt.tsx'
import { canUsePasskeys, makePasskey } from '../../passkeys.ts'
import { type Act, day, lastUse, OwnPassword, type Security, TakeAway } from './parts.tsx'

export function Passkeys(props: { security: Security; act: Act }) {
  const [renaming, setRenaming] = createSignal<number>()
  const { attempt, Failure } = attempting()
  const canMake = () => props.security.passkeys.canMake && canUsePasskeys()

  function make(event: SubmitEvent): void {
    event.preventDefault()
    const form = event.currentTarget as HTMLFormElement
    const data = new FormData(form)
    void attempt(async () => {
      const { passkey } = await props.act({ action: 'passkey-begin', password: data.get('password') })
      const response = await makePasskey(passkey!)
      await props.act({ action: 'passkey-add', name: data.get('name'), response })
      form.reset()
    })
  }

  function rename(event: SubmitEvent, id: number): void {
    event.preventDefault()
    const name = new FormData(event.currentTarget as HTMLFormElement).get('name')
    void attempt(async () => {
      await props.act({ action: 'passkey-rename', id, name })
      setRenaming(undefined)
    })
  }

  const entry = (passkey: Security['passkeys']['list'][number]) => (
    <li>
      <Show
        when={renaming() === passkey.id}
        fallback={
          <span>
            <strong>{passkey.name}</strong>
            <span class="quiet">
              {passkey.isShared ? ' shared between your devices' : ' in one device alone'}
              <br />
              made {day.format(passkey.createdAtMs)}; {lastUse(passkey.lastUse)}
            </span>
          </span>
        }
      >
        <form class="row" onSubmit={(event) => rename(event, passkey.id)}>
          <input name="name" required maxlength={100} value={passkey.name} aria-label="A new name" />
          <button type="submit">Save</button>
        </form>
      </Show>
      <span class="row">
        <button type="button" aria-label={`Rename ${passkey.name}`} onClick={() => setRenaming(passkey.id)}>
          Rename
        </button>
        <TakeAway
          what={`Revoke the passkey ${passkey.name}`}
          onClick={() => void attempt(() => props.act({ action: 'passkey-revoke', id: passkey.id }))}
        />
      </span>
    </li>
  )

  return (
    <section class="setting" id="passkeys">
      <h3>Passkeys</h3>
      <p class="quiet">
        A key that your telephone, computer or security key keeps, and uses when it has seen that it is you. It signs
        you in here without a password and without a code, and no false page can ask for it.
      </p>
      <ul class="trusted">
        <For each={props.security.passkeys.list} fallback={<li class="quiet">None yet.</li>}>
          {entry}
        </For>
      </ul>
      <Show when={canMake()} fallback={<p class="quiet">This browser, or this page's address, cannot make one.</p>}>
        <form class="identity" onSubmit={make}>
          <label>
            A name for it
            <input name="name" required maxlength={100} placeholder="My telephone" />
          </label>
          <OwnPassword />
          <button type="submit">Make a passkey</button>
        </form>
      </Show>
      <Failure />
    </section>
  )
}
