// What becomes of the mail: for every flow what each agent found out about a letter that really went there, in a simulated
// world. Every cell can be opened: what was asked, and how it was answered, step by step.

import { createSignal, createUniqueId, For, type JSX, Show } from 'solid-js'
import type { HopRow } from '../../../src/lab/simulate/survival.ts'
import type { Change } from '../../../src/lab/simulate/what-if.ts'
import type { Actor, Finding } from '../../../src/notation/model.ts'
import { plural } from '../format.ts'
import type { FlowRow } from './engine/protocol.ts'
import type { Mail, Outcome } from './mail.ts'
import { END_TONES, PROOF_NAMES, toneOf } from './proofs.ts'
import { Refused } from './Refused.tsx'
import { Switches } from './Switches.tsx'
import { sentence } from './sentence.ts'

export function Survival(props: {
  mail: Mail
  /** The text as it is now. */
  text: string
  actors: readonly Actor[]
  onGo: (finding: Finding) => void
  onRun: (flow: number) => void
}) {
  /** The opened cell stays open when the table is another. */
  const [open, setOpen] = createSignal('')
  const isStale = () => {
    const shown = props.mail.outcome()
    return shown !== undefined && (shown.text !== props.text || shown.switches !== props.mail.switches())
  }
  const state = () => {
    if (props.mail.isLoading()) return 'Loading the engine …'
    if (props.mail.isBusy()) return 'A letter is on its way along every flow …'
    const shown = props.mail.outcome()
    if (props.mail.refusal() !== undefined || shown === undefined) return ''
    if (shown.switches === '') return ''
    const count = shown.changes.size
    return count === 0 ? 'Nothing changes by it.' : `${plural(count, 'cell')} changed, marked below.`
  }
  return (
    <div class="survival">
      <p class="tab-lead">
        A letter is sent along every flow, through the real code of every role, in a world that runs within this page.
        Press a result to see how it came about.
      </p>
      <Switches mail={props.mail} actors={props.actors} />
      <p class="mail-state quiet" role="status" classList={{ busy: props.mail.isBusy() }}>
        {state()}
      </p>
      <Show when={props.mail.refusal()}>{(refusal) => <Refused refusal={refusal()} onGo={props.onGo} />}</Show>
      <Show when={props.mail.refusal() === undefined && props.mail.outcome()}>
        {(outcome) => (
          <div classList={{ stale: isStale() }} aria-busy={props.mail.isBusy()}>
            <For each={outcome().table.flows}>
              {(row) => (
                <FlowTable
                  row={row}
                  changes={outcome().changes}
                  open={open()}
                  onOpen={setOpen}
                  onRun={() => props.onRun(row.flow)}
                />
              )}
            </For>
            <NotSent outcome={outcome()} />
          </div>
        )}
      </Show>
    </div>
  )
}

function NotSent(props: { outcome: Outcome }) {
  return (
    <>
      <For each={props.outcome.table.skipped}>
        {({ flow, why }) => (
          <p class="quiet">
            Flow {flow}: no letter was sent, {why}.
          </p>
        )}
      </For>
      <Show when={props.outcome.table.assumed.length > 0}>
        <details class="assumed">
          <summary>What is not written was taken so ({props.outcome.table.assumed.length})</summary>
          <ul>
            <For each={props.outcome.table.assumed}>{(line) => <li>{line}</li>}</For>
          </ul>
        </details>
      </Show>
    </>
  )
}

function FlowTable(props: {
  row: FlowRow
  changes: ReadonlyMap<string, Change>
  open: string
  onOpen: (cell: string) => void
  onRun: () => void
}) {
  const prefix = createUniqueId()
  /** Of this table, without the flow's number. */
  const open = () => (props.open.startsWith(`${props.row.flow}/`) ? props.open.slice(`${props.row.flow}/`.length) : '')
  const toggle = (cell: string) => props.onOpen(open() === cell ? '' : `${props.row.flow}/${cell}`)
  const change = (agent: string, what: string) => props.changes.get(`flow ${props.row.flow} at ${agent}: ${what}`)
  const end = () => props.changes.get(`flow ${props.row.flow}: end`)

  const Cell = (cell: { id: string; agent: string; what: string; value: string; tone: string }): JSX.Element => (
    <td classList={{ changed: change(cell.agent, cell.what) !== undefined }}>
      <button
        type="button"
        class={`result ${cell.tone}`}
        aria-expanded={open() === cell.id}
        aria-controls={open() === cell.id ? `${prefix}-${cell.id}` : undefined}
        onClick={() => toggle(cell.id)}
      >
        <Show when={change(cell.agent, cell.what)}>
          {(one) => (
            <>
              <s>{one().before}</s> <span aria-hidden="true">→</span>{' '}
            </>
          )}
        </Show>
        {cell.value}
      </button>
    </td>
  )

  return (
    <section class="flow-result" aria-label={`Flow ${props.row.flow}`}>
      <div class="flow-head">
        <h3>
          {props.row.from} <span class="quiet">writes to</span> {props.row.to}
        </h3>
        <button type="button" class="plain" onClick={() => props.onRun()}>
          Watch it
        </button>
      </div>
      <p class="flow-end">
        <Show when={end()}>{(one) => <s class="quiet">{one().before} </s>}</Show>
        <span class={`result ${END_TONES[props.row.end]}`} classList={{ changed: end() !== undefined }}>
          {props.row.end}
        </span>{' '}
        {props.row.where}
      </p>
      <Show when={props.row.hops.at(-1)}>{(last) => <p class="quiet because">{sentence(last().why)}</p>}</Show>
      <Show when={props.row.hops.length > 0}>
        <div class="table-place">
          <table>
            <caption class="hidden">
              What each agent found out about the letter from {props.row.from} to {props.row.to}
            </caption>
            <thead>
              <tr>
                <th scope="col">at</th>
                <For each={PROOF_NAMES}>{({ name }) => <th scope="col">{name}</th>}</For>
                <th scope="col">does</th>
              </tr>
            </thead>
            <tbody>
              <For each={props.row.hops}>
                {(hop, k) => (
                  <>
                    <tr>
                      <th scope="row">{hop.agent}</th>
                      <For each={PROOF_NAMES}>
                        {({ id }) => (
                          <Cell
                            id={`${k()}-${id}`}
                            agent={hop.agent}
                            what={id}
                            value={hop.proofs[id]}
                            tone={toneOf(hop.proofs[id])}
                          />
                        )}
                      </For>
                      <Cell id={`${k()}-does`} agent={hop.agent} what="does" value={hop.does} tone="does" />
                    </tr>
                    <Show when={open().startsWith(`${k()}-`)}>
                      <tr class="opened">
                        <td colspan={PROOF_NAMES.length + 2} id={`${prefix}-${open()}`}>
                          <Why
                            hop={hop}
                            what={open().slice(`${k()}-`.length)}
                            change={change(hop.agent, open().slice(`${k()}-`.length))}
                          />
                        </td>
                      </tr>
                    </Show>
                  </>
                )}
              </For>
            </tbody>
          </table>
        </div>
      </Show>
      <Show when={props.row.missed.length > 0}>
        <p class="quiet">It did not pass {props.row.missed.join(', ')}: mail goes where DNS says.</p>
      </Show>
    </section>
  )
}

function Why(props: { hop: HopRow; what: string; change: Change | undefined }) {
  const proof = () => PROOF_NAMES.find(({ id }) => id === props.what)
  const steps = () =>
    proof() === undefined ? props.hop.steps : props.hop.steps.filter((step) => step.startsWith(proof()!.name))
  return (
    <div class="why">
      <p>
        <Show when={proof()} fallback={sentence(props.hop.why)}>
          {(one) => (
            <>
              <strong>{one().name}</strong>: {one().asks}
            </>
          )}
        </Show>
      </p>
      <Show when={props.change}>
        {(one) => (
          <p>
            As written it is <b>{one().before}</b>; with the switches it is <b>{one().after}</b>.
          </p>
        )}
      </Show>
      <Show
        when={steps().length > 0}
        fallback={
          <Show when={proof()}>
            <p class="quiet">{props.hop.agent} kept this result without its steps.</p>
          </Show>
        }
      >
        <ol>
          <For each={steps()}>{(step) => <li>{step}</li>}</For>
        </ol>
      </Show>
    </div>
  )
}
