// For the postmaster: who sends as our domain, what proves itself and what does not, in plain words with what to do.

import { createEffect, createResource, createSignal, For, type JSX, Show } from 'solid-js'
import type { DomainView, Overview, TlsView } from '../../../src/roles/reports/overview.ts'
import type { Source } from '../../../src/roles/reports/sources.ts'
import '../style/mail.css'
import '../style/reports.css'
import { ApiError, request } from '../api.ts'
import { dateTime, plural } from '../format.ts'
import { SignIn } from '../mail/SignIn.tsx'
import { TopBar } from '../parts/TopBar.tsx'

const SPANS = [
  [7, 'a week'],
  [30, '30 days'],
  [365, 'a year'],
] as const

export function ReportsPage() {
  document.title = 'Reports · Borderpost'
  const [days, setDays] = createSignal(30)
  const [found, { refetch }] = createResource(days, (span) =>
    request<Overview>('GET', `/api/reports?days=${span}`).catch((error: Error) => error),
  )
  const status = () => {
    const answer = found.latest
    return answer instanceof ApiError ? answer.status : 0
  }
  const [isAsked, setIsAsked] = createSignal(false)
  createEffect(() => setIsAsked(status() === 401))

  return (
    <Show when={!isAsked()} fallback={<SignIn title="Read reports" onDone={() => void refetch()} />}>
      <TopBar here="/reports" />
      <main class="page reports">
        <div class="row">
          <h1>Reports</h1>
          <span class="gap" />
          <label class="span">
            <span class="quiet">The last</span>
            <select onChange={(event) => setDays(Number(event.currentTarget.value))}>
              <For each={SPANS}>
                {([value, name]) => (
                  <option value={value} selected={value === days()}>
                    {name}
                  </option>
                )}
              </For>
            </select>
          </label>
        </div>
        <p class="lead">
          Other systems tell every day what they saw of mail in your name. Here is what they say, what it means, and
          what you told them about theirs.
        </p>
        <Show when={found.latest instanceof Error ? found.latest : undefined}>
          {(error) => (
            <p class="error" role="alert">
              {error().message}
            </p>
          )}
        </Show>
        <Show when={found.latest instanceof Error ? undefined : found.latest}>
          {(overview) => <Told overview={overview()} />}
        </Show>
      </main>
    </Show>
  )
}

function Told(props: { overview: Overview }) {
  return (
    <>
      <For
        each={props.overview.domains}
        fallback={
          <p class="card empty">
            Nobody has reported yet. Reports come once a day from the systems you write to, if your DNS asks for them
            (rua= in your DMARC record).
          </p>
        }
      >
        {(domain) => <Domain domain={domain} />}
      </For>
      <Show when={props.overview.tls.length > 0}>
        <section class="card" aria-label="Encryption">
          <h2>Encryption on the way to you</h2>
          <For each={props.overview.tls}>{(tls) => <Tls tls={tls} />}</For>
        </section>
      </Show>
      <Show when={props.overview.complaints.length > 0}>
        <section class="card" aria-label="Complaints">
          <h2>What others say of single messages</h2>
          <For each={props.overview.complaints}>
            {({ about, count, latest }) => (
              <details>
                <summary>
                  <strong>{about || 'Nobody known here'}</strong> {plural(count, 'report')}
                </summary>
                <ul class="lines">
                  <For each={latest}>
                    {(one) => (
                      <li>
                        <span class="quiet">{dateTime(one.atMs)}</span>
                        <span>
                          {one.subject || '(no subject)'}
                          <span class="quiet">
                            {' '}
                            {one.type} by {one.by}
                            {one.isProven ? '' : ', not proven'}
                          </span>
                        </span>
                      </li>
                    )}
                  </For>
                </ul>
              </details>
            )}
          </For>
        </section>
      </Show>
      <div class="two">
        <section class="card" aria-label="Came in">
          <h2>Came in</h2>
          <ul class="lines">
            <For each={props.overview.received} fallback={<li class="quiet">Nothing.</li>}>
              {({ atMs, kind, about, by, isProven, note }) => (
                <li>
                  <span class="quiet">{dateTime(atMs)}</span>
                  <span>
                    {NAMES[kind] ?? kind} {about && `about ${about}`} by {by || 'somebody'}
                    <Show when={!isProven}>
                      <span class="quiet">, which is not proven and counts for nothing</span>
                    </Show>
                    <Show when={note}>
                      <span class="quiet">: {note}</span>
                    </Show>
                  </span>
                </li>
              )}
            </For>
          </ul>
        </section>
        <section class="card" aria-label="Goes out">
          <h2>Goes out</h2>
          <ul class="lines">
            <For
              each={props.overview.ours}
              fallback={
                <li class="quiet">Nothing. (An agent in a lab reports when its description says reports=yes.)</li>
              }
            >
              {({ kind, domain, date, state, messages, outcome }) => (
                <li>
                  <span class="quiet">{date}</span>
                  <span>
                    {kind === 'dmarc' ? 'DMARC' : 'TLS'} about {domain},{' '}
                    {plural(messages, kind === 'dmarc' ? 'message' : 'session')}
                    <span class="quiet">
                      {' '}
                      {state === 'collecting'
                        ? `The day is counted; its report goes out in the night. ${outcome}`
                        : outcome}
                    </span>
                  </span>
                </li>
              )}
            </For>
          </ul>
        </section>
      </div>
    </>
  )
}

const NAMES: Record<string, string> = {
  aggregate: 'DMARC report',
  tls: 'TLS report',
  failure: 'Failure report',
  feedback: 'Complaint',
  unreadable: 'An unreadable report',
}

function Domain(props: { domain: DomainView }) {
  const groups = () => [...Map.groupBy(props.domain.sources, ({ meaning, advice }) => `${meaning}\n${advice}`).values()]
  const share = () => (props.domain.messages === 0 ? 0 : (100 * props.domain.proven) / props.domain.messages)
  return (
    <section class="card domain" aria-label={props.domain.domain}>
      <header class="row">
        <h2>{props.domain.domain}</h2>
        <span class="quiet">
          p={props.domain.policy}, told by {props.domain.reporters.join(', ')}
        </span>
      </header>
      <dl class="figures">
        <Figure value={props.domain.messages} name={props.domain.messages === 1 ? 'message' : 'messages'} />
        <Figure value={props.domain.proven} name="proven" tone="good" />
        <Figure value={props.domain.messages - props.domain.proven} name="not proven" tone="bad" />
        <Figure value={props.domain.refused} name="refused" />
        <Figure value={props.domain.setAside} name="set aside" />
      </dl>
      <div class="share" aria-hidden="true">
        <span style={{ width: `${share()}%` }} />
      </div>
      <For each={groups()}>{(sources) => <Group sources={sources} />}</For>
      <Show when={props.domain.moreSources > 0}>
        <p class="quiet">And {plural(props.domain.moreSources, 'address', 'addresses')} more.</p>
      </Show>
    </section>
  )
}

function Figure(props: { value: number; name: string; tone?: 'good' | 'bad' }): JSX.Element {
  return (
    <div class={props.value > 0 ? (props.tone ?? '') : ''}>
      <dd>{props.value.toLocaleString()}</dd>
      <dt>{props.name}</dt>
    </div>
  )
}

/** Addresses that mean the same. */
function Group(props: { sources: readonly Source[] }) {
  const first = () => props.sources[0]!
  const isGood = () => first().proven === first().messages
  return (
    <div class="group" classList={{ good: isGood(), bad: first().proven === 0 }}>
      <p>
        <strong>{first().meaning}</strong> {first().advice}
      </p>
      <div class="scroll">
        <table>
          <thead>
            <tr>
              <th scope="col">Address</th>
              <th scope="col">From</th>
              <th scope="col">Mail</th>
              <th scope="col">DKIM</th>
              <th scope="col">SPF</th>
              <th scope="col">Refused</th>
              <th scope="col">Junk</th>
            </tr>
          </thead>
          <tbody>
            <For each={props.sources}>
              {(source) => (
                <tr>
                  <th scope="row">{source.ip}</th>
                  <td>{source.from.join(', ')}</td>
                  <For each={[source.messages, source.bySignature, source.byAddress, source.refused, source.setAside]}>
                    {(count) => <td class="number">{count.toLocaleString()}</td>}
                  </For>
                </tr>
              )}
            </For>
          </tbody>
        </table>
      </div>
    </div>
  )
}

function Tls(props: { tls: TlsView }) {
  return (
    <div class="group" classList={{ good: props.tls.bad === 0, bad: props.tls.bad > 0 }}>
      <p>
        <strong>{props.tls.domain}</strong>: {plural(props.tls.good, 'session')} as they should be,{' '}
        {plural(props.tls.bad, 'failure')}
        <span class="quiet">, told by {props.tls.reporters.join(', ')}</span>
      </p>
      <ul class="lines">
        <For each={props.tls.failures}>
          {({ what, where, count, meaning }) => (
            <li>
              <span class="quiet">
                {count} × {what}
              </span>
              <span>
                {meaning} <span class="quiet">{where}</span>
              </span>
            </li>
          )}
        </For>
      </ul>
    </div>
  )
}
