// The signatures, checked again in this browser. Nobody is asked for a key unless the button is pressed, which names who.

import { createSignal, For, Show } from 'solid-js'
import type { Proof, ProofState, Proofs as ProofsOfMessage } from '../../../src/lab/trace/proofs.ts'

const WORDS: Readonly<Record<ProofState, string>> = {
  valid: 'valid, now',
  'header valid': 'the signed fields are right; the body is not here',
  'body changed': 'the body was changed',
  'header changed': 'a signed field was changed',
  'key gone': 'its key is gone',
  'no answer': 'its key could not be had',
  'body unchanged': 'the body is as it was signed; the key was not asked for',
  'not checked': 'not checked',
  unusable: 'cannot be read',
}
const GOOD = new Set<ProofState>(['valid', 'header valid', 'body unchanged'])

export function Proofs(props: {
  proofs: ProofsOfMessage
  resolvers: readonly string[]
  onKey: (name: string, record: string) => void
  onAsk: (resolver: string) => void
}) {
  const missing = () => [
    ...new Set(
      props.proofs.signatures
        .filter(({ state }) => ['body unchanged', 'not checked', 'no answer'].includes(state))
        .map(({ keyName }) => keyName),
    ),
  ]
  return (
    <Show when={props.proofs.signatures.length > 0}>
      <h3>Signatures, checked again here</h3>
      <Show when={props.proofs.isWithoutBody}>
        <p class="quiet">Only a header is here: whether the body was changed cannot be told.</p>
      </Show>
      <ul class="trace-proofs">
        <For each={props.proofs.signatures}>{(proof) => <One proof={proof} />}</For>
      </ul>
      <Show when={props.proofs.chain}>
        {(chain) => (
          <p>
            The whole ARC chain: {chain().result}
            {chain().reason === undefined ? '' : ` (${chain().reason})`}.
          </p>
        )}
      </Show>
      <Show when={missing().length > 0}>
        <div class="trace-keys">
          <p>
            Their keys stand in DNS. Who is asked for them learns that somebody looks at mail of{' '}
            {[...new Set(props.proofs.signatures.map(({ domain }) => domain))].join(', ')}; nothing of the message
            itself is sent.
          </p>
          <p class="row">
            <For each={props.resolvers}>
              {(name) => (
                <button type="button" onClick={() => props.onAsk(name)}>
                  Ask {name} for the keys
                </button>
              )}
            </For>
          </p>
          <PasteKey names={missing()} onKey={props.onKey} />
        </div>
      </Show>
    </Show>
  )
}

function One(props: { proof: Proof }) {
  return (
    <li classList={{ good: GOOD.has(props.proof.state) }}>
      {props.proof.kind}
      {props.proof.instance === undefined ? '' : ` i=${props.proof.instance}`} of {props.proof.domain || 'somebody'}:{' '}
      <strong>{WORDS[props.proof.state]}</strong>
      <For each={props.proof.why}>{(sentence) => <div class="quiet">{sentence}</div>}</For>
    </li>
  )
}

function PasteKey(props: { names: readonly string[]; onKey: (name: string, record: string) => void }) {
  const [name, setName] = createSignal<string>()
  const [record, setRecord] = createSignal('')
  return (
    <details>
      <summary>Paste a key instead</summary>
      <form
        class="trace-form"
        onSubmit={(event) => {
          event.preventDefault()
          props.onKey(name() ?? props.names[0]!, record().trim().replace(/^"|"$/g, '').replace(/"\s+"/g, ''))
          setRecord('')
        }}
      >
        <label for="key-name">Name</label>
        <select id="key-name" onChange={(event) => setName(event.currentTarget.value)}>
          <For each={props.names}>{(one) => <option value={one}>{one}</option>}</For>
        </select>
        <label for="key-record">Its TXT record</label>
        <textarea
          id="key-record"
          rows="3"
          spellcheck={false}
          placeholder="v=DKIM1; k=rsa; p=…"
          value={record()}
          onInput={(event) => setRecord(event.currentTarget.value)}
        />
        <p class="row">
          <button type="submit" disabled={record().trim() === ''}>
            Check with this key
          </button>
        </p>
      </form>
    </details>
  )
}
