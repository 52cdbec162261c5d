// Everything that was said, line by line, with what it means; the step of this moment is marked and kept in sight.

import { createEffect, createMemo, For, Show } from 'solid-js'
import { PROOF_NAMES, toneOf } from '../proofs.ts'
import type { Step, Story } from './steps.ts'

const LONGEST = 92

const short = (text: string) => (text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text)

export function Dialogue(props: {
  story: Story
  at: number
  isPlaying: boolean
  isStale: boolean
  onGo: (step: number) => void
}) {
  let list!: HTMLElement
  const step = () => props.story.steps[props.at]
  /** Pieces of conversations, as they followed each other. */
  const pieces = createMemo(() => {
    const made: { conversation: number; isFirst: boolean; from: number; steps: Step[] }[] = []
    const begun = new Set<number>()
    props.story.steps.forEach((one, k) => {
      const conversation = one.kind === 'end' ? -1 : one.conversation
      if (made.at(-1)?.conversation !== conversation) {
        made.push({ conversation, isFirst: !begun.has(conversation), from: k, steps: [] })
        begun.add(conversation)
      }
      made.at(-1)!.steps.push(one)
    })
    return made
  })

  createEffect(() => {
    const current = list.querySelector<HTMLElement>(`[data-step="${props.at}"]`)
    if (current === null) return
    const top = current.offsetTop
    if (top < list.scrollTop + 30 || top > list.scrollTop + list.clientHeight - 70)
      list.scrollTop = top - list.clientHeight / 3
  })

  const speaker = (one: Step): string => {
    if (one.kind === 'end') return ''
    const { client, server } = props.story.parties[one.conversation]!
    if (one.kind === 'verdict') return `${one.hop.agent} has looked at the letter`
    return one.side === 'client' ? `${client} to ${server}` : `${server} to ${client}`
  }

  return (
    <div classList={{ stale: props.isStale }}>
      <div class="moment" role="status" aria-live={props.isPlaying ? 'off' : 'polite'}>
        <Show when={step()}>
          {(now) => (
            <>
              <p class="who quiet">{speaker(now())}</p>
              <NowSaid step={now()} />
              <p class="means">{now().means}</p>
            </>
          )}
        </Show>
      </div>
      <section class="dialogue" ref={list} aria-label="Everything that was said">
        <For each={pieces()}>
          {(piece) => (
            <section>
              <Show when={props.story.parties[piece.conversation]}>
                {(party) => (
                  <h3>
                    {party().client} <span aria-hidden="true">→</span>
                    <span class="hidden">to</span> {party().server}
                    <span class="quiet">
                      {piece.isFirst ? `, port ${party().port}${party().port === 24 ? ' (LMTP)' : ''}` : ', goes on'}
                    </span>
                  </h3>
                )}
              </Show>
              <ol>
                <For each={piece.steps}>
                  {(one, k) => <Said step={one} number={piece.from + k()} at={props.at} onGo={props.onGo} />}
                </For>
              </ol>
            </section>
          )}
        </For>
      </section>
    </div>
  )
}

function NowSaid(props: { step: Step }) {
  return (
    <Show when={props.step.kind === 'said' && props.step} fallback={<Verdict step={props.step} />}>
      {(said) => <p class={`line ${said().side}`}>{short(said().lines[0]!)}</p>}
    </Show>
  )
}

function Verdict(props: { step: Step }) {
  return (
    <Show when={props.step.kind === 'verdict' && props.step}>
      {(verdict) => (
        <p class="verdict">
          <For each={PROOF_NAMES}>
            {({ id, name }) => (
              <span class={`result ${toneOf(verdict().hop.proofs[id])}`}>
                {name} {verdict().hop.proofs[id]}
              </span>
            )}
          </For>
          <strong>{verdict().hop.does}</strong>
        </p>
      )}
    </Show>
  )
}

function Said(props: { step: Step; number: number; at: number; onGo: (step: number) => void }) {
  const isNow = () => props.number === props.at
  return (
    <li>
      <button
        type="button"
        class="said"
        data-step={props.number}
        classList={{ now: isNow(), later: props.number > props.at }}
        aria-current={isNow() ? 'step' : undefined}
        onClick={() => props.onGo(props.number)}
      >
        <Show
          when={props.step.kind === 'said' && props.step}
          fallback={
            <Show when={props.step.kind === 'end'} fallback={<Verdict step={props.step} />}>
              <strong>{props.step.means}</strong>
            </Show>
          }
        >
          {(said) => (
            <span class={`line ${said().side}`} classList={{ letter: said().isLetter }}>
              <span class="hidden">{said().side}: </span>
              {short(said().lines[0]!)}
              <Show when={said().lines.length > 1}>
                <span class="quiet"> and {said().lines.length - 1} more lines</span>
              </Show>
            </span>
          )}
        </Show>
      </button>
    </li>
  )
}
