// A day of mail: many people write, honest ones, spammers, forgers, a botnet, and things go wrong if one likes. What arrived,
// what was refused where and why, how long it took, what waited.

import { createSignal, For, Show } from 'solid-js'
import { FAULTS } from '../../../src/lab/simulate/faults.ts'
import { plotWaiting } from '../../../src/lab/simulate/plot.ts'
import type { TrafficResult } from '../../../src/lab/simulate/traffic.ts'
import type { Finding } from '../../../src/notation/model.ts'
import { svgUrl } from '../api.ts'
import { plural } from '../format.ts'
import { Superseded } from './engine/client.ts'
import { type Mail, type Refusal, refusalOf } from './mail.ts'
import { Refused } from './Refused.tsx'
import { sentence } from './sentence.ts'

const AMOUNTS = [100, 500, 2000, 10_000] as const

type Kind = keyof TrafficResult['kinds']

const KINDS: readonly { readonly id: Kind; readonly name: string }[] = [
  { id: 'honest', name: 'honest people' },
  { id: 'spam', name: 'spammers, with domains of their own' },
  { id: 'forged', name: 'forgers, in the names of others' },
  { id: 'botnet', name: 'a botnet' },
]

const OUTCOMES = [
  { id: 'inbox', name: 'inbox', tone: 'to-inbox' },
  { id: 'junk', name: 'Junk', tone: 'to-junk' },
  { id: 'refused', name: 'refused', tone: 'to-refused' },
  { id: 'bounced', name: 'came back', tone: 'to-bounced' },
  { id: 'unheard', name: 'given up, nobody told', tone: 'to-missing' },
  { id: 'missing', name: 'still on its way, or lost', tone: 'to-missing' },
] as const

interface Shown {
  readonly text: string
  readonly switches: string
  readonly result: TrafficResult
}

export function Day(props: { mail: Mail; text: string; onGo: (finding: Finding) => void }) {
  const [shown, setShown] = createSignal<Shown>()
  const [refusal, setRefusal] = createSignal<Refusal>()
  /** How much of the day has passed; undefined: none passes. */
  const [share, setShare] = createSignal<number>()
  const [isStopping, setIsStopping] = createSignal(false)
  /** For who does not see it. */
  const [said, setSaid] = createSignal('')
  const [messages, setMessages] = createSignal<number>(AMOUNTS[1])
  const [hasTrouble, setHasTrouble] = createSignal(false)

  async function send(): Promise<void> {
    const asked = { text: props.text, switches: props.mail.switches() }
    setShare(0)
    setRefusal(undefined)
    setSaid('A day passes.')
    try {
      const result = await props.mail.engine.simulate(
        asked.text,
        { messages: messages(), faults: hasTrouble() ? FAULTS : [], switches: asked.switches },
        setShare,
      )
      setShown({ ...asked, result })
      setSaid(result.stopped === undefined ? 'The day is over.' : 'Stopped.')
    } catch (error) {
      if (!(error instanceof Superseded)) setRefusal(refusalOf(error, asked.text))
    } finally {
      setShare(undefined)
      setIsStopping(false)
    }
  }
  function stop(): void {
    setIsStopping(true)
    props.mail.engine.stop()
  }
  const state = () => {
    const passed = share() ?? 0
    if (isStopping()) return 'Stopping …'
    if (passed >= 1) return 'The day is over; what still waits is tried again …'
    return `It is ${timeOf(passed)} (${Math.round(100 * passed)} % of the day)`
  }
  const isStale = () => shown()?.text !== props.text || shown()?.switches !== props.mail.switches()

  return (
    <div class="day">
      <p class="tab-lead">
        Many people write in one day: of a hundred messages 60 are honest, 15 spam, 10 forged in the names of the
        domains here, 15 from a botnet. The same numbers come out each time.
      </p>
      <div class="row day-form">
        <label>
          <span>Messages</span>
          <select value={messages()} onChange={(event) => setMessages(Number(event.currentTarget.value))}>
            <For each={AMOUNTS}>{(one) => <option value={one}>{one.toLocaleString()}</option>}</For>
          </select>
        </label>
        <label class="check">
          <input
            type="checkbox"
            checked={hasTrouble()}
            onChange={(event) => setHasTrouble(event.currentTarget.checked)}
          />
          Things go wrong: outages, loss, crashes, full disks, wrong clocks, no DNS
        </label>
        {/* One button, so that it keeps the focus. */}
        <button
          type="button"
          classList={{ primary: share() === undefined }}
          onClick={() => (share() === undefined ? void send() : stop())}
        >
          {share() === undefined ? 'Let a day pass' : 'Stop'}
        </button>
      </div>
      <Show when={share() !== undefined}>
        <p class="row passing">
          <progress max="1" value={share()} aria-label="How far the day is" />
          <span class="quiet">{state()}</span>
        </p>
      </Show>
      <p class="hidden" role="status">
        {said()}
      </p>
      <Show when={refusal()}>{(one) => <Refused refusal={one()} onGo={props.onGo} />}</Show>
      <Show when={shown()}>
        {(one) => (
          <div classList={{ stale: isStale() }}>
            <Show when={isStale()}>
              <p class="quiet">The description or a switch has changed since.</p>
            </Show>
            <Results result={one().result} />
          </div>
        )}
      </Show>
    </div>
  )
}

const DAY_MINUTES = 1440

/** The time of day when so much of it has passed. */
function timeOf(share: number): string {
  const minutes = Math.floor(share * DAY_MINUTES)
  return `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, '0')}`
}

const duration = (s: number) => (s < 90 ? `${Math.round(s * 10) / 10} s` : `${Math.round(s / 60).toLocaleString()} min`)
const percent = (part: number, whole: number) => (whole === 0 ? '0 %' : `${Math.round((1000 * part) / whole) / 10} %`)

function Results(props: { result: TrafficResult }) {
  const kinds = () => KINDS.filter(({ id }) => props.result.kinds[id].sent > 0)
  const bad = () => kinds().filter(({ id }) => id !== 'honest')
  const sum = (key: 'sent' | 'inbox' | 'bounced') =>
    bad().reduce((total, { id }) => total + props.result.kinds[id][key], 0)
  const honest = () => props.result.kinds.honest
  return (
    <>
      <Show when={props.result.stopped}>
        {(asked) => (
          <p class="day-stopped">
            <b>Stopped at {timeOf(props.result.days)}</b>, after {props.result.messages.toLocaleString()} of{' '}
            {asked().messages.toLocaleString()} messages. This is what was until then; some of them are still on their
            way.
          </p>
        )}
      </Show>
      <p class="day-sum">
        Of the spam and the forgeries <b>{percent(sum('inbox'), sum('sent'))}</b> got into an inbox; of the honest mail{' '}
        <b>{percent(honest().refused + honest().bounced, honest().sent)}</b> was refused and{' '}
        <b>{percent(honest().junk, honest().sent)}</b> lies in Junk. <b>{sum('bounced').toLocaleString()}</b> bounces
        went to people who had written nothing.
        <Show when={honest().inbox + honest().junk > 0}>
          {' '}
          Half of the honest mail arrived within {props.result.delaysS.p50} s, all of it within{' '}
          {duration(props.result.delaysS.max)}.
        </Show>
      </p>
      <div class="table-place">
        <table class="outcomes">
          <thead>
            <tr>
              <th scope="col">written by</th>
              <th scope="col">messages</th>
              <th scope="col">what became of them</th>
            </tr>
          </thead>
          <tbody>
            <For each={kinds()}>
              {({ id, name }) => (
                <tr>
                  <th scope="row">{name}</th>
                  <td class="number">{props.result.kinds[id].sent.toLocaleString()}</td>
                  <td>
                    <div class="bar" aria-hidden="true">
                      <For each={OUTCOMES}>
                        {(outcome) => (
                          <span
                            class={outcome.tone}
                            style={{
                              width: percent(props.result.kinds[id][outcome.id], props.result.kinds[id].sent).replace(
                                ' ',
                                '',
                              ),
                            }}
                          />
                        )}
                      </For>
                    </div>
                    <p class="quiet">
                      {OUTCOMES.filter((outcome) => props.result.kinds[id][outcome.id] > 0)
                        .map((outcome) => `${outcome.name} ${props.result.kinds[id][outcome.id].toLocaleString()}`)
                        .join(' · ')}
                    </p>
                  </td>
                </tr>
              )}
            </For>
          </tbody>
        </table>
      </div>
      <Show when={props.result.refusals.length > 0}>
        <h3>Refused, where and why</h3>
        <ul class="refusals">
          <For each={props.result.refusals.slice(0, 12)}>
            {({ at, why, kind, count }) => (
              <li>
                <b>{count.toLocaleString()}</b> {kind} <span class="quiet">by</span> {at}: {sentence(why)}
              </li>
            )}
          </For>
        </ul>
      </Show>
      <Show when={props.result.faults.length > 0}>
        <h3>What went wrong</h3>
        <p class="quiet">
          {plural(props.result.faults.length, 'fault')}; {props.result.duplicates.toLocaleString()} messages arrived
          twice, {(honest().missing + honest().unheard).toLocaleString()} honest ones are not there at the end.
        </p>
      </Show>
      <h3>What waited</h3>
      <Show
        when={Object.values(props.result.longestQueue).some((length) => length > 0)}
        fallback={<p class="quiet">Nothing had to wait: whenever it was looked at, every queue was empty.</p>}
      >
        <div class="thumbnail">
          <img
            src={svgUrl(plotWaiting(props.result.queues, props.result.days))}
            alt={`Messages in queues over the day. The longest: ${Object.entries(props.result.longestQueue)
              .map(([agent, length]) => `${agent} ${length}`)
              .join(', ')}.`}
          />
        </div>
      </Show>
    </>
  )
}
