// Watch the system: its picture, every message as it moves, and what each role did with it and why.

import { createSignal, For, onCleanup, onMount, Show } from 'solid-js'
import '../style/live.css'
import { request } from '../api.ts'
import { clockTime } from '../format.ts'
import { TopBar } from '../parts/TopBar.tsx'
import { Traffic } from './animate.ts'
import { type Hop, inPathOrder, Names } from './hops.ts'

interface System {
  readonly svg: string
  readonly picture: { readonly blocks?: readonly { readonly id: string; readonly actor: string }[] }
  readonly queues: Record<string, number>
  readonly recent: Hop[]
}

const MAX_SHOWN = 50
const GOOD = ['delivered', 'accepted', 'transmitted', 'forwarded']
const BAD = ['refused', 'bounced', 'held']

export function LivePage() {
  document.title = 'Live · Borderpost'
  const [messages, setMessages] = createSignal<ReadonlyMap<string, readonly Hop[]>>(new Map())
  const [isOn, setIsOn] = createSignal(false)
  const [error, setError] = createSignal('')
  const [open, setOpen] = createSignal('')
  const actors = new Map<string, string>()
  const actorOf = (block: string): string => actors.get(block) ?? block
  const names = new Names()
  let place!: HTMLDivElement
  let traffic: Traffic | undefined

  function add(hops: readonly Hop[]): void {
    const next = new Map(messages())
    for (const hop of hops) {
      const key = names.keyOf(hop)
      const known = next.get(key) ?? []
      next.delete(key)
      next.set(key, inPathOrder([...known, hop], actorOf))
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
      for (const { id, actor } of system.picture.blocks ?? []) actors.set(id, actor)
      traffic = new Traffic(svg, actorOf)
      traffic.queues(system.queues)
      setMessages(new Map())
      add(system.recent)
      setError('')
    } catch (failure) {
      setError((failure as Error).message)
    }
  }

  onMount(() => {
    void load()
    const source = new EventSource('/api/live')
    let wasOpen = false
    // After a lost connection, what was missed is in the state of the system.
    source.addEventListener('open', () => {
      setIsOn(true)
      if (wasOpen) void load()
      wasOpen = true
    })
    source.addEventListener('error', () => setIsOn(false))
    source.addEventListener('hop', (event) => {
      const { queues, ...hop } = JSON.parse((event as MessageEvent<string>).data) as Hop & {
        queues: Record<string, number>
      }
      add([hop])
      traffic?.show(names.keyOf(hop), hop)
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
