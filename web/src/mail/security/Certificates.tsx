// Client certificates: a program signs in with its key, without a password.

import { createSignal, For } from 'solid-js'
import { Icon } from '../../parts/icons.tsx'
import { type Act, DOOR_NAMES, day, moment, type Security } from './parts.ts'

const USUAL: ReadonlySet<string> = new Set(['smtp'])

export function Certificates(props: { security: Security; act: Act }) {
  const [error, setError] = createSignal('')

  async function act(wish: object): Promise<boolean> {
    setError('')
    try {
      await props.act(wish)
      return true
    } catch (failure) {
      setError((failure as Error).message)
      return false
    }
  }

  async function add(event: SubmitEvent): Promise<void> {
    event.preventDefault()
    const form = event.currentTarget as HTMLFormElement
    const data = new FormData(form)
    const text = (name: string) => String(data.get(name))
    const wish = { name: text('name'), certificate: text('certificate'), password: text('password') }
    if (await act({ action: 'add-certificate', doors: data.getAll('door'), ...wish })) form.reset()
  }

  return (
    <section class="setting" id="certificates">
      <h3>Certificates</h3>
      <p class="quiet">
        A program that has a certificate and its key signs in with it, and needs no password. Only the key counts: a
        renewed certificate of the same key goes on.
      </p>
      <ul class="trusted">
        <For each={props.security.certificates} fallback={<li class="quiet">None yet.</li>}>
          {(certificate) => (
            <li>
              <span>
                <strong>{certificate.name}</strong>
                <span class="quiet">
                  {' '}
                  {certificate.doors.map((door) => DOOR_NAMES[door] ?? door).join(', ')}
                  <br />
                  key {certificate.key.slice(0, 16)}…, added {day.format(certificate.createdAtMs)};{' '}
                  {certificate.lastUse === null
                    ? 'never used'
                    : `last used ${moment.format(certificate.lastUse.atMs)} from ${certificate.lastUse.from}`}
                </span>
              </span>
              <button
                type="button"
                class="icon-button small"
                aria-label={`Remove the certificate of ${certificate.name}`}
                onClick={() => void act({ action: 'remove-certificate', id: certificate.id })}
              >
                <Icon name="close" />
              </button>
            </li>
          )}
        </For>
      </ul>
      <form class="identity" onSubmit={(event) => void add(event)}>
        <label>
          Program
          <input name="name" required maxlength={100} placeholder="The printer in the hall" />
        </label>
        <label>
          Certificate (PEM), or the SHA-256 of its key
          <textarea name="certificate" required rows={3} maxlength={20_000} spellcheck={false} />
        </label>
        <fieldset class="doors">
          <legend>It may</legend>
          <For each={props.security.doors.filter((door) => door !== 'jmap')}>
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
        <button type="submit">Add the certificate</button>
      </form>
      <p class="error" role="alert">
        {error()}
      </p>
    </section>
  )
}
