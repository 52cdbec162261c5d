// Where the account is signed in: browsers, and programs that are connected now.

import { For, Show } from 'solid-js'
import { attempting } from '../../parts/attempt.tsx'
import { type Act, DOOR_NAMES, moment, type Security } from './parts.tsx'

/** What a browser calls itself, in a word or two. */
function programName(program: string): string {
  const browser = /(Firefox|Edg|OPR|Chrome|Safari)\//.exec(program)?.[1]
  const system = /(Windows|Android|iPhone|iPad|Mac OS X|Linux)/.exec(program)?.[1]
  const known: Readonly<Record<string, string>> = { Edg: 'Edge', OPR: 'Opera', 'Mac OS X': 'macOS' }
  const words = [browser, system].flatMap((word) => (word === undefined ? [] : [known[word] ?? word]))
  return words.length > 0 ? words.join(' on ') : program.slice(0, 60) || 'A browser'
}

export function Sessions(props: { security: Security; act: Act }) {
  const { attempt, Failure } = attempting()

  const end = (action: string, id: number) => attempt(() => props.act({ action, id }))

  return (
    <section class="setting" id="sessions">
      <h3>Where you are signed in</h3>
      <ul class="trusted">
        <For each={props.security.browsers}>
          {(browser) => (
            <li>
              <span>
                <strong>{programName(browser.program)}</strong>
                <span class="quiet">
                  {browser.isThis ? ' this browser' : ''}
                  <br />
                  from {browser.from} since {moment.format(browser.sinceMs)}; last seen {moment.format(browser.usedMs)}
                </span>
              </span>
              <Show when={!browser.isThis}>
                <button type="button" onClick={() => void end('end-browser', browser.id)}>
                  Sign out
                </button>
              </Show>
            </li>
          )}
        </For>
        <For each={props.security.connections}>
          {(connection) => (
            <li>
              <span>
                <strong>{connection.name ?? 'A mail program'}</strong>
                <span class="quiet">
                  {' '}
                  {DOOR_NAMES[connection.door] ?? connection.door}
                  {connection.name === null ? ', with your password' : ''}
                  <br />
                  connected now, from {connection.from} since {moment.format(connection.sinceMs)}
                </span>
              </span>
              <button type="button" onClick={() => void end('end-connection', connection.id)}>
                Disconnect
              </button>
            </li>
          )}
        </For>
      </ul>
      <p class="quiet">
        A program that is disconnected may come again. Revoke its app password, or change your password, to keep it out.
      </p>
      <Failure />
    </section>
  )
}
