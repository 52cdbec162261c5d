// Where other mail programs knock. Most find it by themselves; the rest is typed from here, or installed as a profile.

import { createResource, For, Show } from 'solid-js'
import type { MailDoor } from '../../../src/web/set-up.ts'
import { request } from '../api.ts'

interface SetUp {
  readonly address: string
  readonly doors: readonly MailDoor[]
}

const PURPOSE = { imap: 'Read (IMAP)', pop3: 'Fetch (POP3)', smtp: 'Send (SMTP)' } as const

export function ProgramSettings() {
  const [setUp] = createResource(() => request<SetUp>('GET', '/api/set-up').catch(() => undefined))
  /** One line a protocol is enough: the first is the best. */
  const best = () =>
    (setUp()?.doors ?? []).filter((door, i, all) => all.findIndex((o) => o.protocol === door.protocol) === i)
  return (
    <Show when={best().length > 0}>
      <section class="setting" id="programs">
        <h3>Other mail programs</h3>
        <p class="quiet">
          Type your address into the program: most find these doors by themselves. The user name is your whole address,{' '}
          <strong>{setUp()!.address}</strong>; as the password, make an app password below.
        </p>
        <table class="doors">
          <thead>
            <tr>
              <th scope="col">To</th>
              <th scope="col">Server</th>
              <th scope="col">Port</th>
              <th scope="col">Encryption</th>
            </tr>
          </thead>
          <tbody>
            <For each={best()}>
              {(door) => (
                <tr>
                  <th scope="row">{PURPOSE[door.protocol]}</th>
                  <td>{door.hostName}</td>
                  <td>{door.port}</td>
                  <td>{door.isStartTls ? 'STARTTLS' : 'TLS'}</td>
                </tr>
              )}
            </For>
          </tbody>
        </table>
        <p>
          <a href={`/api/set-up/apple?address=${encodeURIComponent(setUp()!.address)}`} download="">
            Profile for iPhone, iPad and Mac
          </a>
        </p>
      </section>
    </Show>
  )
}
