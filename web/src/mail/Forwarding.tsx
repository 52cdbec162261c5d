// Settings, forwarding: "forward my mail to …" at the old place; offers and what was noticed at the new one.

import { createResource, createSignal, For, Show } from 'solid-js'
import { type Forwarding, request } from '../api.ts'

type Run = (wish: object) => Promise<boolean>
type Forward = Forwarding['forwards'][number]

/** What the person is asked about forwarding, in one sentence; '' for nothing. */
export async function forwardingQuestion(): Promise<string> {
  const state = await request<Forwarding>('GET', '/api/forwarding').catch(() => undefined)
  const [offer] = state?.offers ?? []
  if (offer) return `${offer.domain} asks to forward mail for ${offer.from} to you. Is that you?`
  const [one] = state?.noticed ?? []
  if (!one) return ''
  const to = one.oldAddress === '' ? '' : `, sent to ${one.oldAddress}`
  return `${one.count} messages this week came through ${one.domain}${to}. Yours?`
}

export function ForwardingSettings(props: { onTrust: () => void }) {
  const [state, { mutate }] = createResource(() => request<Forwarding>('GET', '/api/forwarding').catch(() => undefined))
  const [error, setError] = createSignal('')

  const run: Run = async (wish) => {
    setError('')
    try {
      mutate(await request<Forwarding>('POST', '/api/forwarding', wish))
      return true
    } catch (failure) {
      setError((failure as Error).message)
      return false
    }
  }

  async function trust(domain: string, oldAddress: string): Promise<void> {
    try {
      await request('PUT', '/api/trusted-forwarders', { domain, oldAddress })
      mutate(await request<Forwarding>('GET', '/api/forwarding'))
      props.onTrust()
    } catch (failure) {
      setError((failure as Error).message)
    }
  }

  return (
    <Show when={state()}>
      {(now) => (
        <section class="setting" id="forwarding">
          <h3>Forwarding</h3>
          <For each={now().offers}>
            {(offer) => (
              <p class="row">
                <span>
                  <strong>{offer.domain}</strong> asks to forward mail for {offer.from} to you. Is that you?
                </span>
                <button
                  type="button"
                  onClick={() => void run({ action: 'accept', email: offer.email }).then((ok) => ok && props.onTrust())}
                >
                  Yes, forward it to me
                </button>
              </p>
            )}
          </For>
          <For each={now().noticed}>
            {(one) => (
              <p class="row">
                <span>
                  {one.count} messages this week came through <strong>{one.domain}</strong>
                  {one.oldAddress === '' ? '' : `, sent to ${one.oldAddress}`}. Yours?
                </span>
                <button type="button" onClick={() => void trust(one.domain, one.oldAddress)}>
                  Yes, trust {one.domain}
                </button>
                <button type="button" onClick={() => void run({ action: 'dismiss', domain: one.domain })}>
                  No
                </button>
              </p>
            )}
          </For>
          <For each={now().forwards}>{(forward) => <OneForward forward={forward} card={now().card} run={run} />}</For>
          <Show
            when={now().canForward}
            fallback={<p class="quiet">Mail cannot be forwarded from here. What others forward to you is below.</p>}
          >
            <NewForward addresses={now().addresses} run={run} />
          </Show>
          <p class="error" role="alert">
            {error()}
          </p>
        </section>
      )}
    </Show>
  )
}

function NewForward(props: { addresses: readonly string[]; run: Run }) {
  const [to, setTo] = createSignal('')
  const [keep, setKeep] = createSignal(true)
  const [from, setFrom] = createSignal('')

  async function ask(event: SubmitEvent): Promise<void> {
    event.preventDefault()
    const done = await props.run({ action: 'ask', from: from() || props.addresses[0], to: to(), keep: keep() })
    if (done) setTo('')
  }

  return (
    <form class="trust-form" onSubmit={ask}>
      <Show when={props.addresses.length > 1}>
        <label>
          Mail for
          <select onChange={(event) => setFrom(event.currentTarget.value)}>
            <For each={props.addresses}>{(address) => <option>{address}</option>}</For>
          </select>
        </label>
      </Show>
      <label>
        Forward my mail to
        <input
          required
          type="email"
          placeholder="you@new.example"
          value={to()}
          onInput={(event) => setTo(event.currentTarget.value)}
        />
      </label>
      <label class="check">
        <input type="checkbox" checked={keep()} onChange={(event) => setKeep(event.currentTarget.checked)} />
        Keep a copy here
      </label>
      <button type="submit">Send a verification message</button>
    </form>
  )
}

function OneForward(props: { forward: Forward; card: string; run: Run }) {
  const [code, setCode] = createSignal('')
  const [header, setHeader] = createSignal('')
  const act = (action: string, more: object = {}) => props.run({ action, from: props.forward.from, ...more })
  const told = () => props.forward.probe?.told

  return (
    <div class="forward">
      <p class="row">
        <span>
          {props.forward.from} → <strong>{props.forward.to}</strong>
          <span class="quiet">
            {props.forward.state === 'unverified' ? ' waits for its code' : props.forward.keep ? ', a copy stays' : ''}
          </span>
        </span>
        <button type="button" onClick={() => void act('remove')}>
          Stop
        </button>
      </p>
      <Show when={props.forward.state === 'unverified'}>
        <form
          class="row"
          onSubmit={(event) => {
            event.preventDefault()
            void act('confirm', { code: code() })
          }}
        >
          <label>
            Code from the message
            <input required autocomplete="off" value={code()} onInput={(event) => setCode(event.currentTarget.value)} />
          </label>
          <button type="submit">Confirm</button>
        </form>
      </Show>
      <Show when={props.forward.health?.pausedAtMs}>
        <p class="row" role="status">
          <span>
            Paused: {props.forward.to} refused again and again, and your mail stays here. It said:{' '}
            {props.forward.health!.lastReply}
          </span>
          <button type="button" onClick={() => void act('resume')}>
            Resume
          </button>
        </p>
      </Show>
      <Show when={props.forward.state === 'active'}>
        <Show
          when={told()}
          fallback={
            <form
              onSubmit={(event) => {
                event.preventDefault()
                void act('tell', { text: header() })
              }}
            >
              <label>
                A probe was sent. Paste its header as it arrived, to see what survives
                <textarea rows={2} value={header()} onInput={(event) => setHeader(event.currentTarget.value)} />
              </label>
              <button type="submit" disabled={header() === ''}>
                Read it
              </button>
            </form>
          }
        >
          {(seen) => (
            <p role="status">
              {seen().by} saw of the probe: SPF {seen().spf}, DKIM {seen().dkim}, ARC {seen().arc}.
            </p>
          )}
        </Show>
        <details>
          <summary>Tell your new provider</summary>
          <pre>{props.card}</pre>
        </details>
      </Show>
    </div>
  )
}
