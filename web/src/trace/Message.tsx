// One message: picture, table of its hops, what makes lines doubtful, proofs, and the system that carried it as text.

import { createSignal, For, Show } from 'solid-js'
import { svgUrl } from '../api.ts'
import { fragmentOf } from '../lab/share.ts'
import { RESOLVERS } from './keys.ts'
import { Proofs } from './Proofs.tsx'
import type { MessageView } from './protocol.ts'

const WORDS = { verified: 'verified', claimed: 'claimed', doubtful: 'doubtful' } as const

export function Message(props: {
  view: MessageView
  keys: Readonly<Record<string, string>>
  onKey: (name: string, record: string) => void
  onAsk: (resolver: string) => void
}) {
  const doubts = () => [...new Set(props.view.rows.flatMap(({ doubt }) => (doubt === undefined ? [] : [doubt])))]
  const numbers = (why: string) =>
    props.view.rows
      .filter(({ doubt }) => doubt === why)
      .map(({ number }) => number)
      .join(', ')
  return (
    <section class="trace-result" aria-label="The path of the message">
      <div class="trace-answer">
        <For each={props.view.answer}>{(sentence) => <p>{sentence}</p>}</For>
      </div>
      <dl class="trace-summary">
        <For each={props.view.summary}>
          {([name, value]) => (
            <div>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          )}
        </For>
      </dl>
      <Show when={props.view.svg !== ''}>
        <section class="picture" tabindex="0" aria-label="Picture of the path">
          <img
            src={svgUrl(props.view.svg)}
            alt="The path of the message as a picture; the same stands below in words."
          />
        </section>
      </Show>
      <Show when={props.view.trust !== ''}>
        <p>{props.view.trust}</p>
      </Show>
      <Show when={doubts().length > 0}>
        <div class="trace-doubts" role="note">
          <h3>Lines that were probably never written by a relay</h3>
          <ul>
            <For each={doubts()}>
              {(why) => (
                <li>
                  Line {numbers(why)}: {why}.
                </li>
              )}
            </For>
          </ul>
        </div>
      </Show>
      <Show when={props.view.rows.length > 0}>
        <section class="trace-table" tabindex="0" aria-label="Table of the hops">
          <table>
            <caption>Oldest first. Times in UTC.</caption>
            <thead>
              <tr>
                <th scope="col">#</th>
                <th scope="col">Handed over by</th>
                <th scope="col">Taken by</th>
                <th scope="col">Role</th>
                <th scope="col">Network</th>
                <th scope="col">Believed</th>
                <th scope="col">When</th>
                <th scope="col">Delay</th>
                <th scope="col">TLS</th>
              </tr>
            </thead>
            <tbody>
              <For each={props.view.rows}>
                {(row) => (
                  <>
                    <Show when={row.isBorder}>
                      <tr class="trace-border">
                        <th colspan="9" scope="rowgroup">
                          Border
                        </th>
                      </tr>
                    </Show>
                    <tr class={`trace-${row.word}`}>
                      <th scope="row">{row.number}</th>
                      <td>
                        {row.from} <Show when={row.address !== ''}>[{row.address}]</Show>
                      </td>
                      <td>{row.by}</td>
                      <td>{row.roles}</td>
                      <td>{row.network}</td>
                      <td class="trace-word">{WORDS[row.word]}</td>
                      <td>{row.when}</td>
                      <td>{row.delay}</td>
                      <td>{row.tls}</td>
                    </tr>
                  </>
                )}
              </For>
            </tbody>
          </table>
        </section>
      </Show>
      <Show when={props.view.forwarding.length > 0}>
        <h3>Why it is thought to have been passed on</h3>
        <ul>
          <For each={props.view.forwarding}>{(sentence) => <li>{sentence}</li>}</For>
        </ul>
      </Show>
      <Show when={props.view.results.length > 0}>
        <h3>What Borders wrote down</h3>
        <For each={props.view.results}>
          {(result) => (
            <div class="trace-results">
              <p>{result.by}</p>
              <ul>
                <For each={result.methods}>{(line) => <li>{line}</li>}</For>
              </ul>
            </div>
          )}
        </For>
      </Show>
      <Proofs proofs={props.view.proofs} onKey={props.onKey} onAsk={props.onAsk} resolvers={Object.keys(RESOLVERS)} />
      <Show when={props.view.notation !== ''}>
        <Notation text={props.view.notation} />
      </Show>
    </section>
  )
}

function Notation(props: { text: string }) {
  const [said, setSaid] = createSignal('')
  // Served from the root as /trace, and as static files from a folder beside that of the lab.
  const lab = () => new URL(location.pathname.endsWith('/trace') ? 'lab' : '../lab/', location.href)
  const link = () => `${lab().href.replace(/[?#].*$/, '')}${fragmentOf(props.text)}`
  async function copy(): Promise<void> {
    await navigator.clipboard.writeText(props.text).then(
      () => setSaid('Copied.'),
      () => setSaid('The browser did not allow to copy.'),
    )
  }
  return (
    <>
      <h3>The system that carried it</h3>
      <section class="trace-notation" tabindex="0" aria-label="In the notation">
        <pre>{props.text}</pre>
      </section>
      <p class="row">
        <a class="button-like" href={link()}>
          Open in the lab
        </a>
        <button type="button" onClick={() => void copy()}>
          Copy
        </button>
        <span role="status" class="quiet">
          {said()}
        </span>
      </p>
    </>
  )
}
