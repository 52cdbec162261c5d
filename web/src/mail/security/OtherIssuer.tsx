// Another issuer that signs this person in: who is linked there, and how to link.

import { For, Show } from 'solid-js'
import { request } from '../../api.ts'
import { attempting } from '../../parts/attempt.tsx'
import { type Act, day, OwnPassword, type Security, TakeAway } from './parts.tsx'

export function OtherIssuer(props: { security: Security; act: Act }) {
  const { attempt, Failure } = attempting()

  const link = (event: SubmitEvent) =>
    attempt(async () => {
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
                  <TakeAway
                    what={`Unlink ${other().name}`}
                    onClick={() => void attempt(() => props.act({ action: 'unlink', id: one.id }))}
                  />
                </li>
              )}
            </For>
          </ul>
          <form class="identity" onSubmit={(event) => void link(event)}>
            <OwnPassword />
            <button type="submit">Link</button>
          </form>
          <Failure />
        </section>
      )}
    </Show>
  )
}
