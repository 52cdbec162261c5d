// A small system for tests of the web server and its pages: two people in one store, mail between them delivered at
// once, and a live picture of the demo.

import { renderTrace } from '../lab/trace/render.ts'
import { trace } from '../lab/trace/trace.ts'
import { MovingDesk } from '../moving/desk.ts'
import { draw } from '../notation/draw.ts'
import { layout } from '../notation/layout.ts'
import { parse } from '../notation/parse.ts'
import type { JmapBackend, Outgoing } from '../protocols/jmap/types.ts'
import { reply } from '../protocols/smtp/reply.ts'
import { SuppressedDesk } from '../roles/bounces/desk.ts'
import { overview } from '../roles/reports/overview.ts'
import { type EmbeddedStore, openStore } from '../store/embedded.ts'
import type { Verdict } from '../store/nouns/mail.ts'
import { summarise } from '../store/summary.ts'
import { done } from '../store/testing.ts'
import type { World } from '../world/world.ts'
import type { Backends, LiveHop, LiveSource } from './backends.ts'

export const PASSWORD = 'demo'
export const PEOPLE = [
  { name: 'Anna Author', address: 'anna@sender.test', password: PASSWORD },
  { name: 'Bob Recipient', address: 'bob@recipient.test', password: PASSWORD },
]

/** Reads reports; nobody of the demo. */
export const POSTMASTER = { name: 'Postmaster', address: 'postmaster@recipient.test', password: PASSWORD }

export const GOOD_VERDICT: Verdict = {
  outcome: 'accept',
  reason: 'The message is from whom it says: SPF and DKIM pass and agree with From (DMARC).',
  spf: 'pass',
  dkim: 'pass (d=sender.test)',
  dmarc: 'pass',
  arc: 'none',
  steps: ['SPF: 127.0.10.1 may send for sender.test', 'DKIM: the signature of sender.test verifies'],
}

const SYSTEM = `
|--- Sender's Network ---|                 |--- Recipient's Network ---|
                                          /
Author@anna ==> MSA/Transmitter@sender --> / --> Receiver/MDA@recipient ==> Recipient@bob
                                        /
                                     Border
`

interface Post {
  readonly flags?: readonly string[]
  readonly receivedAtMs?: number
  readonly verdict?: Verdict
}

export interface SmallSystem {
  readonly store: EmbeddedStore
  readonly backends: Backends
  readonly live: LiveSource
  /** Puts a message into someone's inbox. */
  deliver(address: string, source: string, more?: Post): Promise<void>
  /** Tells the live page of a hop. */
  tell(hop: LiveHop): void
  readonly tracer: (message: Buffer) => { text: string; svg: string }
}

export async function smallSystem(world: World): Promise<SmallSystem> {
  const store = await openStore(world)
  const backends = new Map<string, JmapBackend>()
  for (const { name, address } of [...PEOPLE, POSTMASTER]) {
    const nowMs = world.clock.now()
    const made = await done(store, { kind: 'account.create', address, displayName: name, credentials: null, nowMs })
    const account = store.account(made.id!)!
    backends.set(address, { store, world, account, submit: (_author, mail) => submit(mail) })
  }

  async function put(address: string, source: Buffer, more: Post): Promise<void> {
    const blob = await store.putBlob([source])
    const { flags = [], receivedAtMs = world.clock.now(), verdict = null } = more
    const summary = summarise(source)
    const account = store.accountByAddress(address)!.id
    await done(store, {
      kind: 'email.deliver',
      account,
      mailboxes: ['inbox'],
      blob,
      summary,
      flags,
      receivedAtMs,
      verdict,
    })
  }

  async function submit({ source, forwardPaths: paths, record }: Outgoing) {
    const lost = paths.find((path) => store.accountByAddress(path) === undefined)
    if (lost !== undefined) return { reply: reply(550, '5.1.1', `no mailbox ${lost} here`), trace: undefined }
    for (const path of paths) await put(path, source, { verdict: GOOD_VERDICT })
    const [recorded] = record ? await store.commit([record('T1')]) : []
    return { reply: reply(250, '2.0.0', 'accepted'), trace: 'T1', recorded }
  }

  const moving = new MovingDesk({
    store,
    world,
    privateDestinations: true,
    onFault: (error) => {
      throw error
    },
  })
  const { model } = parse(SYSTEM)
  const listeners = new Set<Parameters<LiveSource['watch']>[0]>()
  const recent: LiveHop[] = []
  return {
    store,
    backends: {
      accountFor: (address) => backends.get(address.toLowerCase()),
      authenticate: async (address, password) =>
        password === PASSWORD ? backends.get(address.toLowerCase()) : undefined,
      moving: () => moving,
      suppressed: ({ account }) =>
        new SuppressedDesk(
          { store, world, settings: { suppresses: true, outgoing: { people: [] } } as never },
          account,
        ),
      reports: ({ account }, sinceMs) =>
        account.address === POSTMASTER.address ? overview(store.reports, sinceMs) : undefined,
    },
    live: {
      picture: () => layout(model),
      svg: () => draw(model),
      queues: () => ({ [model.blocks[1]!.id]: 3 }),
      recent: () => recent,
      watch: (listener) => {
        listeners.add(listener)
        return () => listeners.delete(listener)
      },
    },
    deliver: (address, source, more = {}) => put(address, Buffer.from(source.replace(/\r?\n/g, '\r\n')), more),
    tell: (hop) => {
      recent.push(hop)
      for (const listener of listeners) listener(hop, { [model.blocks[1]!.id]: 3 })
    },
    tracer: (message) => ({ text: renderTrace(trace(message)), svg: draw(model) }),
  }
}
