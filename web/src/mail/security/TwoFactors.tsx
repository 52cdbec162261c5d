// The second factor: a code from a telephone, after the password.

import { createSignal, For, Show } from 'solid-js'
import { attempting } from '../../parts/attempt.tsx'
import { qrCode } from '../qr.ts'
import { type Act, OwnPassword, type Security } from './parts.tsx'

export function TwoFactors(props: { security: Security; act: Act }) {
  const [enrolling, setEnrolling] = createSignal<{ secret: string; uri: string }>()
  const [codes, setCodes] = createSignal<readonly string[]>()
  const { attempt, Failure } = attempting()

  function act(event: SubmitEvent, action: string): void {
    event.preventDefault()
    const data = new FormData(event.currentTarget as HTMLFormElement)
    void attempt(async () => {
      const answer = await props.act({ action, password: data.get('password') ?? '', code: data.get('code') ?? '' })
      if (action === 'enrol') setEnrolling({ secret: answer.secret ?? '', uri: answer.uri ?? '' })
      else setEnrolling(undefined)
      setCodes(answer.codes)
    })
  }

  return (
    <section class="setting" id="second-factor">
      <h3>Code from your telephone</h3>
      <p class="quiet">
        Signing in here then takes a code, too, that an app on your telephone shows. Mail programs cannot ask for one:
        while it is on, each needs an app password.
      </p>
      <Show when={!props.security.secondFactor.isOn && enrolling() === undefined}>
        <form class="identity" onSubmit={(event) => act(event, 'enrol')}>
          <OwnPassword />
          <button type="submit">Set it up</button>
        </form>
      </Show>
      <Show when={enrolling()}>
        {(shown) => (
          <form class="identity" onSubmit={(event) => act(event, 'confirm')}>
            <p>Photograph this with the app, or type the letters below it.</p>
            <QrPicture text={shown().uri} />
            <code class="fresh-secret">{shown().secret.replace(/(.{4})(?=.)/g, '$1 ')}</code>
            <label>
              The code that it shows now
              <input name="code" required inputmode="numeric" autocomplete="one-time-code" maxlength={10} />
            </label>
            <button type="submit">Turn it on</button>
          </form>
        )}
      </Show>
      <Show when={codes()}>
        {(shown) => (
          <div class="fresh-secret" role="status">
            <p>It is on. Keep these recovery codes on paper: each is good once, should the telephone be lost.</p>
            <ul class="recovery-codes">
              <For each={shown()}>
                {(code) => (
                  <li>
                    <code>{code}</code>
                  </li>
                )}
              </For>
            </ul>
          </div>
        )}
      </Show>
      <Show when={props.security.secondFactor.isOn}>
        <p>
          It is on; {props.security.secondFactor.codesLeft} recovery{' '}
          {props.security.secondFactor.codesLeft === 1 ? 'code is' : 'codes are'} left.
        </p>
        <form class="identity" onSubmit={(event) => act(event, 'turn-off')}>
          <OwnPassword />
          <label>
            A code
            <input name="code" required autocomplete="one-time-code" maxlength={40} />
          </label>
          <button type="submit">Turn it off</button>
        </form>
      </Show>
      <Failure />
    </section>
  )
}

/** Dark on white whatever the theme: cameras want it so. */
function QrPicture(props: { text: string }) {
  const rows = () => qrCode(props.text) ?? []
  const path = () =>
    rows()
      .flatMap((row, y) => row.map((isDark, x) => (isDark ? `M${x + 4} ${y + 4}h1v1h-1z` : '')))
      .join('')
  return (
    <svg class="qr" viewBox={`0 0 ${rows().length + 8} ${rows().length + 8}`} role="img" aria-label="QR code">
      <rect width="100%" height="100%" fill="#fff" />
      <path d={path()} fill="#000" shape-rendering="crispEdges" />
    </svg>
  )
}
