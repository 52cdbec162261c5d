// Programs that were let in by OAuth; nothing to show for whoever has none.

import { For, Show } from 'solid-js'
import { attempting } from '../../parts/attempt.tsx'
import { type Act, DOOR_NAMES, day, Entry, lastUse, type Security } from './parts.tsx'

const SCOPE_NAMES: Readonly<Record<string, string>> = {
  sieve: DOOR_NAMES.managesieve!,
  'urn:ietf:params:oauth:scope:mail': 'everything about mail',
  openid: 'who you are',
  email: 'your address',
  profile: 'your name',
  offline_access: 'also later',
}

export function Grants(props: { security: Security; act: Act }) {
  const { attempt, Failure } = attempting()

  return (
    <Show when={props.security.grants.length > 0}>
      <section class="setting" id="grants">
        <h3>Programs with access</h3>
        <p class="quiet">You allowed these without telling them a password.</p>
        <ul class="trusted">
          <For each={props.security.grants}>
            {(grant) => (
              <Entry
                name={grant.name}
                takeAway={`Revoke the access of ${grant.name}`}
                onTakeAway={() => void attempt(() => props.act({ action: 'revoke-grant', id: grant.id }))}
              >
                {grant.scopes.map((scope) => SCOPE_NAMES[scope] ?? DOOR_NAMES[scope] ?? scope).join(', ')}
                <br />
                allowed {day.format(grant.createdAtMs)}; {lastUse(grant.lastUse)}
              </Entry>
            )}
          </For>
        </ul>
        <Failure />
      </section>
    </Show>
  )
}
