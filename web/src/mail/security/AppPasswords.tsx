// App passwords: one for each mail program.

import { createSignal, For, Show } from 'solid-js'
import { attempting } from '../../parts/attempt.tsx'
import { type Act, DOOR_NAMES, Doors, day, Entry, lastUse, OwnPassword, type Security } from './parts.tsx'

const USUAL: ReadonlySet<string> = new Set(['imap', 'smtp'])

export function AppPasswords(props: { security: Security; act: Act }) {
  const [fresh, setFresh] = createSignal<{ name: string; secret: string }>()
  const { attempt, Failure } = attempting()

  function make(event: SubmitEvent): void {
    event.preventDefault()
    const form = event.currentTarget as HTMLFormElement
    const data = new FormData(form)
    const name = String(data.get('name'))
    const wish = { action: 'make', name, doors: data.getAll('door'), password: String(data.get('password')) }
    void attempt(async () => {
      const { secret } = await props.act(wish)
      setFresh({ name, secret: secret ?? '' })
      // What it may do stays ticked for the next one.
      for (const field of ['name', 'password']) (form.elements.namedItem(field) as HTMLInputElement).value = ''
    })
  }

  return (
    <section class="setting" id="app-passwords">
      <h3>App passwords</h3>
      <p class="quiet">
        A password for one mail program, good for what you name and nothing else. Lose the telephone, and you revoke its
        password alone.
      </p>
      <ul class="trusted">
        <For each={props.security.passwords} fallback={<li class="quiet">None yet.</li>}>
          {(password) => (
            <Entry
              name={password.name}
              takeAway={`Revoke the password of ${password.name}`}
              onTakeAway={() => void attempt(() => props.act({ action: 'revoke', id: password.id }))}
            >
              {password.doors.map((door) => DOOR_NAMES[door] ?? door).join(', ')}
              <br />
              made {day.format(password.createdAtMs)}; {lastUse(password.lastUse)}
            </Entry>
          )}
        </For>
      </ul>
      <Show when={fresh()}>
        {(shown) => (
          <div class="fresh-secret" role="status">
            <p>
              The password for {shown().name}. It is shown now and never again; type it, or copy it, into the program.
            </p>
            <p class="row">
              <code>{shown().secret}</code>
              <button type="button" onClick={() => void navigator.clipboard.writeText(shown().secret)}>
                Copy
              </button>
              <button type="button" onClick={() => setFresh(undefined)}>
                Done
              </button>
            </p>
          </div>
        )}
      </Show>
      <form class="identity" onSubmit={make}>
        <label>
          Program
          <input name="name" required maxlength={100} placeholder="Mail on my telephone" />
        </label>
        <Doors doors={props.security.doors} usual={USUAL} />
        <OwnPassword />
        <button type="submit">Make an app password</button>
      </form>
      <Failure />
    </section>
  )
}
