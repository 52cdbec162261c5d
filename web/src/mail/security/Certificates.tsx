// Client certificates: a program signs in with its key, without a password.

import { For } from 'solid-js'
import { attempting } from '../../parts/attempt.tsx'
import { type Act, DOOR_NAMES, Doors, day, Entry, lastUse, OwnPassword, type Security } from './parts.tsx'

const USUAL: ReadonlySet<string> = new Set(['smtp'])

export function Certificates(props: { security: Security; act: Act }) {
  const { attempt, Failure } = attempting()

  async function add(event: SubmitEvent): Promise<void> {
    event.preventDefault()
    const form = event.currentTarget as HTMLFormElement
    const data = new FormData(form)
    const text = (name: string) => String(data.get(name))
    const said = { name: text('name'), certificate: text('certificate'), password: text('password') }
    const wish = { action: 'add-certificate', doors: data.getAll('door'), ...said }
    if (await attempt(() => props.act(wish))) form.reset()
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
            <Entry
              name={certificate.name}
              takeAway={`Remove the certificate of ${certificate.name}`}
              onTakeAway={() => void attempt(() => props.act({ action: 'remove-certificate', id: certificate.id }))}
            >
              {certificate.doors.map((door) => DOOR_NAMES[door] ?? door).join(', ')}
              <br />
              key {certificate.key.slice(0, 16)}…, added {day.format(certificate.createdAtMs)};{' '}
              {lastUse(certificate.lastUse)}
            </Entry>
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
        <Doors doors={props.security.doors.filter((door) => door !== 'jmap')} usual={USUAL} />
        <OwnPassword />
        <button type="submit">Add the certificate</button>
      </form>
      <Failure />
    </section>
  )
}
