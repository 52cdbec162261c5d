// What the Border verified, as small badges: the result in a word, and the reasons when asked.

import { createMemo, createSignal, For, Show } from 'solid-js'
import { request, type TrustedForwarder } from '../api.ts'
import type { Email } from '../jmap.ts'
import { Icon, type IconName } from '../parts/icons.tsx'

type Tone = 'good' | 'bad' | 'neutral'

const ICONS: Record<Tone, IconName> = { good: 'check', bad: 'cross', neutral: 'dash' }

const MEANING: Record<string, string> = {
  SPF: 'May this machine send for the domain of the return address?',
  DKIM: 'Is the message signed, and unchanged since?',
  DKIM2: 'Did everybody who had it in hands sign for it, and say what was changed?',
  DMARC: 'Does what was proven agree with the sender you see?',
  ARC: 'Did agents on the way seal what they had verified?',
}

const meaningOf = (name: string) => MEANING[name] ?? 'May this machine send for the domain of the sender you see?'

function toneOf(result: string): Tone {
  if (/^pass/i.test(result)) return 'good'
  return /^(fail|permerror|invalid)/i.test(result) ? 'bad' : 'neutral'
}

export function Badges(props: { email: Email; onTrace: () => void }) {
  const verdict = () => props.email.verdict
  const checks = createMemo(() => {
    const found = verdict()
    if (!found) return []
    const { authorSpf } = found
    return [
      ['SPF', found.spf],
      // A machine may send for the Forwarder and not for the Author: both are shown, or "SPF pass" would mislead.
      ...(authorSpf ? [[`SPF for ${authorSpf.domain}`, authorSpf.result]] : []),
      ['DKIM', found.dkim],
      ['DKIM2', found.dkim2],
      ['DMARC', found.dmarc],
      ['ARC', found.arc],
    ].filter(
      (check): check is [string, string] =>
        typeof check[1] === 'string' && check[1] !== '' && !(check[0] === 'ARC' && /^none/.test(check[1])),
    )
  })
  return (
    <Show when={verdict()}>
      {(found) => (
        <div class="verdict" classList={{ warning: found().outcome === 'junk' }}>
          <details>
            <summary>
              <span class="verdict-title">Verified at the Border</span>
              <span class="badges">
                <For each={checks()}>
                  {([name, result]) => (
                    <span class={`badge ${toneOf(result)}`} title={meaningOf(name)}>
                      <Icon name={ICONS[toneOf(result)]} />
                      {name} {result.split(/[\s(;]/)[0]}
                    </span>
                  )}
                </For>
                <Show when={found().trustedForwarder}>
                  {(domain) => (
                    <span class="badge good" title="You trust this Forwarder, so its own findings count.">
                      <Icon name="forward" /> forwarded by {domain()}
                    </span>
                  )}
                </Show>
              </span>
            </summary>
            <div class="verdict-body">
              <p>{found().reason}</p>
              <dl>
                <For each={checks()}>
                  {([name, result]) => (
                    <>
                      <dt>{name}</dt>
                      <dd>
                        {result} <span class="quiet">{meaningOf(name)}</span>
                      </dd>
                    </>
                  )}
                </For>
              </dl>
              {/* The image is a stranger's: loading it would tell him who reads his mail, and it proves nothing by itself. */}
              <Show when={found().bimi}>
                {(logo) => (
                  <p>
                    {logo().domain} publishes a logo for its mail (BIMI),{' '}
                    {logo().evidence ? 'and names a certificate for it' : 'with no certificate for it'}. It is not
                    loaded: <span class="quiet">{logo().location}</span>
                  </p>
                )}
              </Show>
              <Show when={found().rules?.length}>
                <p>Rules on header and content, and earlier decisions: {found().points} points (Junk from 5).</p>
                <ul>
                  <For each={found().rules}>
                    {(rule) => (
                      <li>
                        {rule.points > 0 ? '+' : ''}
                        {rule.points} {rule.explanation} <span class="quiet">{rule.evidence}</span>
                      </li>
                    )}
                  </For>
                </ul>
              </Show>
              <Show when={sealer(props.email)}>{(domain) => <Trust domain={domain()} />}</Show>
              <Show when={found().steps?.length}>
                <ol>
                  <For each={found().steps}>{(step) => <li>{step}</li>}</For>
                </ol>
              </Show>
            </div>
          </details>
          <button type="button" class="plain" onClick={() => props.onTrace()}>
            <Icon name="path" /> How did this reach me?
          </button>
        </div>
      )}
    </Show>
  )
}

/** Who passed the message on and sealed what it had verified, if that holds and is not trusted yet (RFC 8617 §4.1.3). */
function sealer({ verdict, 'header:ARC-Seal:all': seals }: Email): string | undefined {
  if (!verdict || verdict.trustedForwarder || !/^pass/i.test(verdict.arc)) return undefined
  const numbered = (seals ?? []).map((seal) => ({
    instance: Number(/(?:^|;)\s*i\s*=\s*(\d+)/.exec(seal)?.[1] ?? 0),
    domain: /(?:^|;)\s*d\s*=\s*([a-z0-9.-]+)/i.exec(seal)?.[1],
  }))
  return numbered.sort((a, b) => b.instance - a.instance)[0]?.domain?.toLowerCase()
}

function Trust(props: { domain: string }) {
  const [done, setDone] = createSignal('')

  async function trust(): Promise<void> {
    try {
      await request<{ forwarders: TrustedForwarder[] }>('PUT', '/api/trusted-forwarders', { domain: props.domain })
      setDone(`From now on, what ${props.domain} verified counts for you. Settings take it back.`)
    } catch (error) {
      setDone((error as Error).message)
    }
  }

  return (
    <div class="trust" role="status">
      <Show when={done() === ''} fallback={<p>{done()}</p>}>
        <p>
          {props.domain} passed this message on to you. If you have your mail forwarded from there, tell us; if you do
          not, leave it.
        </p>
        <button type="button" onClick={() => void trust()}>
          <Icon name="forward" /> {props.domain} forwards my mail
        </button>
      </Show>
    </div>
  )
}
