// App passwords: one for each mail program.

import { createSignal, For, Show } from 'solid-js'
import { Icon } from '../../parts/icons.tsx'
import { type Act, DOOR_NAMES, day, moment, type Security } from './parts.ts'

const USUAL: ReadonlySet<string> = new Set(['imap', 'smtp'])

export function AppPasswords(props: { security: Security; act: Act }) {
  const [fresh, setFresh] = createSignal<{ name: string; secret: string }>()
  const [error, setError] = createSignal('')

  async function make(event: SubmitEvent): Promise<void> {
    event.preventDefault()
    const form = event.currentTarget as HTMLFormElement
    const data = new FormData(form)
    const name = String(data.get('name'))
    setError('')
    try {
      const wish = { action: 'make', name, doors: data.getAll('door'), password: String(data.get('password')) }
      const { secret } = await props.act(wish)
      setFresh({ name, secret: secret ?? '' })
      // What it may do stays ticked for the next one.
      for (const field of ['name', 'password']) (form.elements.namedItem(field) as HTMLInputElement).value = ''
    } catch (failure) {
      setError((failure as Error).message)
    }
  }

  async function revoke(id: number): Promise<void> {
    setError('')
    try {
      await props.act({ action: 'revoke', id })
    } catch (failure) {
      setError((failure as Error).message)
    }
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
            <li>
              <span>
                <strong>{password.name}</strong>
                <span class="quiet">
                  {' '}
                  {password.doors.map((door) => DOOR_NAMES[door] ?? door).join(', ')}
                  <br />
                  made {day.format(password.createdAtMs)};{' '}
                  {password.lastUse === null
                    ? 'never used'
                    : `last used ${moment.format(password.lastUse.atMs)} from ${password.lastUse.from}`}
                </span>
              </span>
              <button
                type="button"
                class="icon-button small"
                aria-label={`Revoke the password of ${password.name}`}
                onClick={() => void revoke(password.id)}
              >
                <Icon name="close" />
              </button>
            </li>
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
      <form class="identity" onSubmit={(event) => void make(event)}>
        <label>
          Program
          <input name="name" required maxlength={100} placeholder="Mail on my telephone" />
        </label>
        <fieldset class="doors">
          <legend>It may</legend>
          <For each={props.security.doors}>
            {(door) => (
              <label class="check">
                <input type="checkbox" name="door" value={door} checked={USUAL.has(door)} />
                {DOOR_NAMES[door] ?? door}
              </label>
            )}
          </For>
        </fieldset>
        <label>
          Your own password
          <input name="password" type="password" required autocomplete="current-password" maxlength={1000} />
        </label>
        <button type="submit">Make an app password</button>
      </form>
      <p class="error" role="alert">
        {error()}
      </p>
    </section>
  )
}
