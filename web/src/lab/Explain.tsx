// The system explained: who answers for what, who can trust whom and may bounce to whom, what to whitelist, and all in words.

import { For, Show } from 'solid-js'
import type { Explanation } from '../../../src/notation/explain/explain.ts'
import type { SystemModel } from '../../../src/notation/model.ts'
import { blockLabel } from '../../../src/notation/model.ts'

const STATE = { kept: 'kept', broken: 'not kept', nobody: 'nobody plays it' } as const

export function Duties(props: { explanation: Explanation }) {
  return (
    <>
      <p class="tab-lead">Every role has duties. A duty that nobody keeps is where mail is lost or forged.</p>
      <table class="duties">
        <thead>
          <tr>
            <th scope="col">Role</th>
            <th scope="col">Duty</th>
            <th scope="col">Who</th>
            <th scope="col">State</th>
          </tr>
        </thead>
        <tbody>
          <For each={props.explanation.duties}>
            {({ role, duty, why, state, who, faults }, at) => (
              <tr class={state}>
                <th scope="row">
                  <Show
                    when={props.explanation.duties[at() - 1]?.role !== role}
                    fallback={<span class="hidden">{role}</span>}
                  >
                    {role}
                  </Show>
                </th>
                <td>
                  {duty}
                  <Show when={state !== 'kept'}>
                    <p class="quiet">{why}</p>
                  </Show>
                  <For each={faults}>{(fault) => <p class="fault">{fault}</p>}</For>
                </td>
                <td>
                  <Show when={who.length > 0} fallback={<span class="quiet">nobody</span>}>
                    <For each={who}>{(one) => <code>{one}</code>}</For>
                  </Show>
                </td>
                <td>
                  <span class={`state ${state}`}>{STATE[state]}</span>
                </td>
              </tr>
            )}
          </For>
        </tbody>
      </table>
    </>
  )
}

const TRUST = { direct: 'direct', indirect: 'indirect', none: 'strangers' } as const

export function Trust(props: { explanation: Explanation; onWrite: (line: string) => void }) {
  return (
    <>
      <h3>Who can trust whom</h3>
      <ul class="sentences">
        <For each={props.explanation.trust} fallback={<li class="quiet">No relationship is drawn.</li>}>
          {({ kind, sentence }) => (
            <li>
              <span class={`trust ${kind}`}>{TRUST[kind]}</span>
              <span>{sentence}</span>
            </li>
          )}
        </For>
      </ul>
      <h3>Who may send a bounce</h3>
      <ul class="sentences">
        <For each={props.explanation.bounces} fallback={<li class="quiet">Nobody here would have to.</li>}>
          {({ may, sentence }) => (
            <li>
              <span class={`state ${may ? 'kept' : 'broken'}`}>{may ? 'yes' : 'no'}</span>
              <span>{sentence}</span>
            </li>
          )}
        </For>
      </ul>
      <h3>What each Recipient should whitelist</h3>
      <ul class="sentences">
        <For each={props.explanation.whitelists} fallback={<li class="quiet">Nothing: nobody forwards mail here.</li>}>
          {({ who, whom, by, isDone, line }) => (
            <li>
              <span class={`state ${isDone ? 'kept' : 'broken'}`}>{isDone ? 'done' : 'to do'}</span>
              <span>
                <code>{who}</code> should have <code>{whom}</code> trusted, known by {by}.
                <Show when={!isDone}>
                  <button type="button" class="remedy" onClick={() => props.onWrite(line)}>
                    Write <code>{line}</code>
                  </button>
                </Show>
              </span>
            </li>
          )}
        </For>
      </ul>
    </>
  )
}

export function Words(props: { explanation: Explanation; model: SystemModel; onGo: (offset: number) => void }) {
  const sentences = () => props.explanation.summary.split(/(?<=\.) (?=Mail flows|There is)/)
  return (
    <>
      <For each={sentences()}>{(sentence) => <p class="in-words">{sentence}</p>}</For>
      <h3>Who is here</h3>
      <ul class="actors">
        <For
          each={props.model.blocks.filter(({ actor }, at, all) => all.findIndex((one) => one.actor === actor) === at)}
        >
          {(block) => (
            <li>
              <button type="button" class="plain" onClick={() => props.onGo(block.span.start)}>
                {blockLabel(block)}
              </button>
            </li>
          )}
        </For>
      </ul>
    </>
  )
}
