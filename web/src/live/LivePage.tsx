// Watch the system: its picture, every message as it moves, and what each role did with it and why.

import { createSignal, For, onCleanup, onMount, Show } from 'solid-js'
import '../style/live.css'
import { request } from '../api.ts'
import { clockTime } from '../format.ts'
import { TopBar } from '../parts/TopBar.tsx'
import { Traffic } from './animate.ts'

interface Hop {
  readonly atMs: number
  readonly trace: string
  readonly messageId: string
  readonly from: string
  readonly to: string
  readonly kind: string
  readonly text: string
  readonly role: string
  readonly subject?: string
  readonly reversePath?: string
  readonly forwardPath?: string
}

interface System {
  readonly svg: string
  readonly queues: Record<string, number>
  readonly recent: Hop[]
}

const MAX_SHOWN = 50
const GOOD = ['delivered', 'accepted', 'transmitted', 'forwarded']
const BAD = ['refused', 'bounced', 'held']

/** One message under all its names: hops of several actors are joined by the Message-ID. */
const keyOf = (hop: Hop): string => hop.messageId || hop.trace

export function LivePage() {
  document.title = 'Live · Borderpost'
  const [messages, setMessages] = createSignal<ReadonlyMap<string, readonly Hop[]>>(new Map())
  const [isOn, setIsOn] = createSignal(false)
  const [error, setError] = createSignal('')
  const [open, setOpen] = createSignal('')
  let place!: HTMLDivElement
  let traffic: Traffic | undefined

  function add(hops: readonly Hop[]): void {
    const next = new Map(messages())
    for (const hop of hops) {
      const key = keyOf(hop)
      const known = next.get(key) ?? []
      next.delete(key)
      next.set(key, [...known, hop])
    }
    for (const key of next.keys()) {
      if (next.size <= MAX_SHOWN) break
      next.delete(key)
    }
    setMessages(next)
  }

  async function load(): Promise<void> {
    try {
      const system = await request<System>('GET', '/api/system')
      const parsed = new DOMParser().parseFromString(system.svg, 'image/svg+xml').documentElement
      const svg = document.adoptNode(parsed) as unknown as SVGSVGElement
      place.replaceChildren(svg)
      traffic = new Traffic(svg)
      traffic.queues(system.queues)
      setMessages(new Map())
      add(system.recent)
      setError('')
    } catch (failure) {
      setError((failure as Error).message)
    }
  }

  onMount(() => {
    const source = new EventSource('/api/live')
    // Also after a lost connection: what was missed is in the state of the system.
    source.addEventListener('open', () => {
      setIsOn(true)
      void load()
    })
    source.addEventListener('error', () => setIsOn(false))
    source.addEventListener('hop', (event) => {
      const { queues, ...hop } = JSON.parse((event as MessageEvent<string>).data) as Hop & {
        queues: Record<string, number>
      }
      add([hop])
      traffic?.show(keyOf(hop), hop.from, hop.to)
      traffic?.queues(queues)
    })
    onCleanup(() => source.close())
  })

  const newestFirst = () => [...messages()].reverse()

  return (
    <>
      <TopBar here="/live" />
      <main class="page wide">
        <div class="row">
          <h1>The system, live</h1>
          <span class="live-state quiet" classList={{ on: isOn() }} role="status">
            {isOn() ? 'Live' : 'Connecting …'}
          </span>
        </div>
        <p class="lead">
          Each box is an actor with its roles; the slanting line is the Border to the open Internet. Messages move along
          the arrows as they happen.
        </p>
        <p class="error" role="alert">
          {error()}
        </p>
        <div class="live">
          <div class="picture" ref={place} />
          <section class="recent" aria-label="Recent messages">
            <h2>Recent messages</h2>
            <ul class="recent-list" aria-live="polite" aria-relevant="additions">
              <For
                each={newestFirst().map(([key]) => key)}
                fallback={
                  <li class="empty">No message yet. Send one from the webmail and watch it cross the Border.</li>
                }
              >
                {(key) => (
                  <MessageRow
                    hops={messages().get(key) ?? []}
                    isOpen={open() === key}
                    onToggle={() => setOpen(open() === key ? '' : key)}
                  />
                )}
              </For>
            </ul>
          </section>
        </div>
      </main>
    </>
  )
}

const toneOf = (kind: string): string => (GOOD.includes(kind) ? 'good' : BAD.includes(kind) ? 'bad' : '')

function MessageRow(props: { hops: readonly Hop[]; isOpen: boolean; onToggle: () => void }) {
  const last = () => props.hops.at(-1)
  /** Its subject where that is told, else who writes to whom. */
  const title = () => {
    const named = props.hops.find((hop) => hop.subject)?.subject
    const [first] = props.hops
    if (named || !first) return named ?? ''
    const ends = first.forwardPath ? `${first.reversePath || 'the system itself'} → ${first.forwardPath}` : ''
    return ends || first.messageId || 'A message'
  }
  return (
    <li>
      <Show when={last()}>
        {(hop) => (
          <button type="button" class="recent-head" aria-expanded={props.isOpen} onClick={() => props.onToggle()}>
            <time>{clockTime(hop().atMs)}</time>
            <strong>{title()}</strong>
            <span class={`kind ${toneOf(hop().kind)}`}>{hop().kind}</span>
            <span class="last quiet">
              {hop().role}: {hop().text}
            </span>
          </button>
        )}
      </Show>
      <Show when={props.isOpen}>
        <ol class="hops">
          <For each={props.hops}>
            {(hop) => (
              <li>
                <span class="role">{hop.role}</span>
                <span class="quiet">
                  {hop.kind}, {clockTime(hop.atMs)}
                </span>
                <p>{hop.text}</p>
              </li>
            )}
          </For>
        </ol>
      </Show>
    </li>
  )
}
