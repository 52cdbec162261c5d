// Another issuer that signs this person in: who is linked there, and how to link.

import { createSignal, For, Show } from 'solid-js'
import { request } from '../../api.ts'
import { Icon } from '../../parts/icons.tsx'
import { type Act, day, type Security } from './parts.ts'

export function OtherIssuer(props: { security: Security; act: Act }) {
  const [error, setError] = createSignal('')

  async function tell(work: () => Promise<unknown>): Promise<void> {
    setError('')
    try {
      await work()
    } catch (failure) {
      setError((failure as Error).message)
    }
  }

  const link = (event: SubmitEvent) =>
    tell(async () => {
      event.preventDefault()
      const password = new FormData(event.currentTarget as HTMLFormElement).get('password')
      const { to } = await request<{ to: string }>('POST', '/api/sign-in/link', { password })
      location.assign(to)
    })

  return (
    <Show when={props.security.other}>
      {(other) => (
        <section class="setting" id="other-issuer">
          <h3>{other().name}</h3>
          <p class="quiet">
            {other().name} can sign you in here: when it has verified your address, or as whom you link. Link yourself,
            and it counts whatever your address is there.
          </p>
          <ul class="trusted">
            <For each={other().links} fallback={<li class="quiet">Nobody is linked.</li>}>
              {(one) => (
                <li>
                  <span>linked {day.format(one.linkedAtMs)}</span>
                  <button
                    type="button"
                    class="icon-button small"
                    aria-label={`Unlink ${other().name}`}
                    onClick={() => void tell(() => props.act({ action: 'unlink', id: one.id }))}
                  >
                    <Icon name="close" />
                  </button>
                </li>
              )}
            </For>
          </ul>
          <form class="identity" onSubmit={(event) => void link(event)}>
            <label>
              Your own password
              <input name="password" type="password" required autocomplete="current-password" maxlength={1000} />
            </label>
            <button type="submit">Link</button>
          </form>
          <p class="error" role="alert">
            {error()}
          </p>
        </section>
      )}
    </Show>
  )
}
