// Run it: one letter through the system, with everything that was really said on its way, step by step or as a film along
// the picture; and how to run the same for real.

import { createEffect, createMemo, createSignal, For, on, onCleanup, Show } from 'solid-js'
import { blockLabel, type Finding, type SystemModel } from '../../../../src/notation/model.ts'
import { Icon } from '../../parts/icons.tsx'
import { download, fileName } from '../download.ts'
import { Superseded } from '../engine/client.ts'
import { type Mail, type Refusal, refusalOf } from '../mail.ts'
import { Refused } from '../Refused.tsx'
import { readText } from '../reading.ts'
import { Dialogue } from './Dialogue.tsx'
import { Flight } from './flight.ts'
import { type Story, storyOf } from './steps.ts'

const SPEEDS = [0.5, 1, 2, 4] as const

interface Running {
  readonly text: string
  readonly switches: string
  readonly flow: number
  readonly story: Story
}

export interface RunHandle {
  run(flow: number): void
}

export function Run(props: {
  mail: Mail
  model: SystemModel
  svg: SVGSVGElement | undefined
  isOpen: boolean
  onGo: (finding: Finding) => void
  handle: (handle: RunHandle) => void
}) {
  const [running, setRunning] = createSignal<Running>()
  const [refusal, setRefusal] = createSignal<Refusal>()
  const [isBusy, setIsBusy] = createSignal(false)
  const [flow, setFlow] = createSignal(1)
  const [at, setAt] = createSignal(0)
  const [isPlaying, setIsPlaying] = createSignal(false)
  const [speed, setSpeed] = createSignal(1)

  const steps = () => running()?.story.steps ?? []
  const step = () => steps()[at()]
  const isStale = () => {
    const shown = running()
    return shown !== undefined && (shown.text !== props.model.source || shown.switches !== props.mail.switches())
  }

  async function run(number: number): Promise<void> {
    setFlow(number)
    setIsPlaying(false)
    setIsBusy(true)
    const asked = { text: props.model.source, switches: props.mail.switches(), flow: number }
    try {
      const replay = await props.mail.engine.replay(asked.text, number, asked.switches)
      setRunning({ ...asked, story: storyOf(readText(asked.text).model, replay) })
      setRefusal(undefined)
      setAt(0)
      setIsPlaying(true)
      setIsBusy(false)
    } catch (error) {
      if (error instanceof Superseded) return
      setRunning(undefined)
      setRefusal(refusalOf(error, asked.text))
      setIsBusy(false)
    }
  }
  props.handle({ run: (number) => void run(number) })

  const pace = () => {
    const now = step()
    if (now === undefined) return 0
    if (now.kind === 'verdict') return 2200 / speed()
    return (now.kind === 'end' || now.isLetter ? 1700 : 800) / speed()
  }

  let timer: ReturnType<typeof setTimeout> | undefined
  createEffect(
    on([isPlaying, at, speed, running], () => {
      clearTimeout(timer)
      if (!isPlaying()) return
      if (at() >= steps().length - 1) return setIsPlaying(false)
      timer = setTimeout(() => setAt(at() + 1), pace())
    }),
  )
  // A hidden film would run to its end unseen.
  createEffect(() => {
    if (!props.isOpen || isStale()) setIsPlaying(false)
  })

  let flight: Flight | undefined
  createEffect(
    on([() => props.svg, at, running, () => props.isOpen, isStale], ([svg, now, shown, isOpen, stale]) => {
      flight?.clear()
      flight = undefined
      if (svg === undefined || shown === undefined || !isOpen || stale) return
      flight = new Flight(svg)
      flight.show(shown.story.steps.slice(0, now + 1), pace() * 0.85)
    }),
  )
  onCleanup(() => {
    clearTimeout(timer)
    flight?.clear()
  })

  const go = (to: number) => {
    setIsPlaying(false)
    setAt(Math.max(0, Math.min(to, steps().length - 1)))
  }
  const play = () => {
    if (isStale()) return void run(flow())
    if (at() >= steps().length - 1) setAt(0)
    setIsPlaying(!isPlaying())
  }
  const flows = createMemo(() =>
    props.model.flows.map(({ index, blocks }) => ({
      number: index + 1,
      name: `${index + 1}: ${[blocks[0], blocks.at(-1)].map((block) => (block ? blockLabel(block) : '?')).join(' to ')}`,
    })),
  )

  return (
    <div class="run">
      <div class="player">
        <Show when={flows().length > 1}>
          <label class="which">
            <span class="hidden">Which flow</span>
            <select value={flow()} onChange={(event) => void run(Number(event.currentTarget.value))}>
              <For each={flows()}>{({ number, name }) => <option value={number}>{name}</option>}</For>
            </select>
          </label>
        </Show>
        <Show
          when={running()}
          fallback={
            <button type="button" class="primary" disabled={isBusy()} onClick={() => void run(flow())}>
              <Icon name="play" /> Send a letter
            </button>
          }
        >
          <div class="controls">
            <button
              type="button"
              class="icon-button"
              aria-label="Step back"
              title="Step back"
              onClick={() => go(at() - 1)}
            >
              <Icon name="stepBack" />
            </button>
            <button
              type="button"
              class="icon-button play"
              aria-label={isPlaying() ? 'Pause' : 'Play'}
              title={isPlaying() ? 'Pause' : 'Play'}
              onClick={play}
            >
              <Icon name={isPlaying() ? 'pause' : 'play'} />
            </button>
            <button type="button" class="icon-button" aria-label="Step on" title="Step on" onClick={() => go(at() + 1)}>
              <Icon name="stepOn" />
            </button>
            <input
              type="range"
              aria-label="Step"
              aria-valuetext={`${at() + 1} of ${steps().length}`}
              min="0"
              max={steps().length - 1}
              value={at()}
              onInput={(event) => go(event.currentTarget.valueAsNumber)}
            />
            <label class="speed">
              <span class="hidden">Speed</span>
              <select value={speed()} onChange={(event) => setSpeed(Number(event.currentTarget.value))}>
                <For each={SPEEDS}>{(one) => <option value={one}>{one}×</option>}</For>
              </select>
            </label>
          </div>
        </Show>
      </div>
      <Show when={isBusy()}>
        <p class="mail-state quiet busy" role="status">
          {props.mail.isLoading() ? 'Loading the engine …' : 'The world begins …'}
        </p>
      </Show>
      <Show when={refusal()}>{(one) => <Refused refusal={one()} onGo={props.onGo} />}</Show>
      <Show when={isStale()}>
        <p class="row">
          <span class="quiet">The description or a switch has changed since this run.</span>
          <button type="button" onClick={() => void run(flow())}>
            Run it again
          </button>
        </p>
      </Show>
      <Show when={running()}>
        {(shown) => <Dialogue story={shown().story} at={at()} isPlaying={isPlaying()} onGo={go} isStale={isStale()} />}
      </Show>
      <Show when={running() === undefined && !isBusy() && refusal() === undefined}>
        <p class="quiet">
          A letter goes from the Author to the Recipient in a simulated world within this page. You see every word that
          is said on its way, and what each agent finds out about it.
        </p>
      </Show>
      <details class="for-real">
        <summary>Run it for real, on your own computer</summary>
        <p>
          The same text is the configuration of a running system: real processes, real SMTP, webmail, nothing leaves the
          computer.
        </p>
        <p class="row">
          <button
            type="button"
            onClick={() => download(`${fileName(props.model.title)}.borderpost`, props.model.source)}
          >
            <Icon name="download" /> Save the description
          </button>
          <code>npx borderpost demo {fileName(props.model.title)}.borderpost</code>
        </p>
      </details>
    </div>
  )
}
