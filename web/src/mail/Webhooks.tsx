// Programs that are told by themselves what becomes of one's mail: which, how each goes, a new one with its secret.

import { createResource, createSignal, For, Show } from 'solid-js'
import { request } from '../api.ts'
import { attempting } from '../parts/attempt.tsx'
import { TakeAway } from './security/parts.tsx'

interface Webhook {
  readonly id: string
  readonly url: string
  readonly events: readonly string[]
  readonly description: string
  readonly state: 'active' | 'failing' | 'stopped' | 'disabled'
  readonly skipped: number
  readonly lastFailure?: string
}

interface View {
  readonly webhooks: readonly Webhook[]
  readonly events: readonly string[]
  readonly secret?: string
  readonly said?: string
}

const PATH = '/api/settings/webhooks'

const STATES: Readonly<Record<Webhook['state'], string>> = {
  active: 'is told',
  failing: 'does not answer as it should; what it missed is told again',
  stopped: 'was stopped, after days without an answer',
  disabled: 'is turned off',
}

const nameOf = (event: string) => event.replace(/^message\./, '')

export function WebhookSettings() {
  const [view, { mutate }] = createResource(() => request<View>('GET', PATH).catch(() => undefined))
  const [fresh, setFresh] = createSignal<string>()
  const [status, setStatus] = createSignal('')
  const { attempt, Failure } = attempting()

  const act = (wish: object) =>
    attempt(async () => {
      const answer = await request<View>('POST', PATH, wish)
      mutate(answer)
      setStatus(answer.said ?? '')
      if (answer.secret !== undefined) setFresh(answer.secret)
    })

  function make(event: SubmitEvent): void {
    event.preventDefault()
    const form = event.currentTarget as HTMLFormElement
    const data = new FormData(form)
    const wish = { action: 'make', url: String(data.get('url')), events: data.getAll('event') }
    // What was refused stays to be mended.
    void act(wish).then((came) => {
      if (came) form.reset()
    })
  }

  return (
    <Show when={view()}>
      {(shown) => (
        <section class="setting" id="webhooks">
          <h3>Webhooks</h3>
          <p class="quiet">
            Programs of yours that are told what becomes of your mail: that it was delivered, came back, was complained
            about. What they are told is signed with a secret.
          </p>
          <ul class="trusted">
            <For each={shown().webhooks} fallback={<li class="quiet">None yet.</li>}>
              {(webhook) => (
                <li>
                  <span>
                    <strong>{webhook.url}</strong>
                    <span class="quiet">
                      <br />
                      {webhook.events.length === 0 ? 'everything' : webhook.events.map(nameOf).join(', ')};{' '}
                      {STATES[webhook.state]}
                      <Show when={webhook.lastFailure}> ({webhook.lastFailure})</Show>
                      <Show when={webhook.skipped > 0}>; {webhook.skipped} passed over</Show>
                    </span>
                    <span class="row">
                      <button type="button" onClick={() => void act({ action: 'test', id: webhook.id })}>
                        Test
                      </button>
                      <button
                        type="button"
                        onClick={() =>
                          void act({
                            ...{ action: 'enable', id: webhook.id },
                            enabled: webhook.state === 'disabled' || webhook.state === 'stopped',
                          })
                        }
                      >
                        {webhook.state === 'disabled' || webhook.state === 'stopped' ? 'Turn on' : 'Turn off'}
                      </button>
                      <button type="button" onClick={() => void act({ action: 'rotate', id: webhook.id })}>
                        New secret
                      </button>
                    </span>
                  </span>
                  <TakeAway
                    what={`Remove the webhook ${webhook.url}`}
                    onClick={() => void act({ action: 'remove', id: webhook.id })}
                  />
                </li>
              )}
            </For>
          </ul>
          <Show when={fresh()}>
            {(secret) => (
              <div class="fresh-secret" role="status">
                <p>The secret of this webhook. It is shown now and never again; copy it into the program.</p>
                <p class="row">
                  <code>{secret()}</code>
                  <button type="button" onClick={() => void navigator.clipboard.writeText(secret())}>
                    Copy
                  </button>
                  <button type="button" onClick={() => setFresh(undefined)}>
                    Done
                  </button>
                </p>
              </div>
            )}
          </Show>
          <form class="identity" onSubmit={make}>
            <label>
              Address of the program
              <input name="url" type="url" required maxlength={2000} placeholder="https://example.org/mail-events" />
            </label>
            <fieldset class="doors">
              <legend>Told of (nothing ticked: everything)</legend>
              <For each={shown().events}>
                {(event) => (
                  <label class="check">
                    <input type="checkbox" name="event" value={event} /> {nameOf(event)}
                  </label>
                )}
              </For>
            </fieldset>
            <button type="submit">Make a webhook</button>
          </form>
          <p role="status">{status()}</p>
          <Failure />
        </section>
      )}
    </Show>
  )
}
