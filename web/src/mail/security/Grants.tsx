// Programs that were let in by OAuth; nothing to show for whoever has none.

import { createSignal, For, Show } from 'solid-js'
import { Icon } from '../../parts/icons.tsx'
import { type Act, DOOR_NAMES, day, moment, type Security } from './parts.ts'

const SCOPE_NAMES: Readonly<Record<string, string>> = {
  sieve: DOOR_NAMES.managesieve!,
  'urn:ietf:params:oauth:scope:mail': 'everything about mail',
  openid: 'who you are',
  email: 'your address',
  profile: 'your name',
  offline_access: 'also later',
}

export function Grants(props: { security: Security; act: Act }) {
  const [error, setError] = createSignal('')

  async function revoke(id: number): Promise<void> {
    setError('')
    try {
      await props.act({ action: 'revoke-grant', id })
    } catch (failure) {
      setError((failure as Error).message)
    }
  }

  return (
    <Show when={props.security.grants.length > 0}>
      <section class="setting" id="grants">
        <h3>Programs with access</h3>
        <p class="quiet">You allowed these without telling them a password.</p>
        <ul class="trusted">
          <For each={props.security.grants}>
            {(grant) => (
              <li>
                <span>
                  <strong>{grant.name}</strong>
                  <span class="quiet">
                    {' '}
                    {grant.scopes.map((scope) => SCOPE_NAMES[scope] ?? DOOR_NAMES[scope] ?? scope).join(', ')}
                    <br />
                    allowed {day.format(grant.createdAtMs)};{' '}
                    {grant.lastUse === null
                      ? 'never used'
                      : `last used ${moment.format(grant.lastUse.atMs)} from ${grant.lastUse.from}`}
                  </span>
                </span>
                <button
                  type="button"
                  class="icon-button small"
                  aria-label={`Revoke the access of ${grant.name}`}
                  onClick={() => void revoke(grant.id)}
                >
                  <Icon name="close" />
                </button>
              </li>
            )}
          </For>
        </ul>
        <p class="error" role="alert">
          {error()}
        </p>
      </section>
    </Show>
  )
}
