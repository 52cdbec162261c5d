// What the tests of JMAP share: one account in a simulated world, and a request in one line.

import { openStore } from '../../store/embedded.ts'
import { summarise } from '../../store/summary.ts'
import { done, makeAccount, nowMs } from '../../store/testing.ts'
import { testWorld } from '../../world/testing.ts'
import type { World } from '../../world/world.ts'
import { reply } from '../smtp/reply.ts'
import { handleRequest } from './request.ts'
import {
  BLOB,
  CONTACTS,
  CORE,
  DELETED,
  type Invocation,
  type JmapBackend,
  MAIL,
  MDN,
  type Outgoing,
  PRINCIPALS,
  QUOTA,
  SIEVE,
  SUBMISSION,
  VACATION,
} from './types.ts'

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers freely
export type Loose = any

export interface Desk {
  readonly backend: JmapBackend
  readonly accountId: string
  /** What was handed to the MSA. */
  readonly sent: Outgoing[]
  /** Runs calls (their account id is added); the responses' names and arguments. */
  ask(...calls: [method: string, args: object][]): Promise<[string, Loose][]>
  /** One call; its arguments, or the error's. */
  one(method: string, args?: object): Promise<Loose>
  /** Puts a message into a mailbox; its email id. */
  deliver(text: string, more?: { mailbox?: 'inbox' | 'junk'; flags?: string[]; receivedAtMs?: number }): Promise<string>
  /** The id of the mailbox with this role. */
  box(role: string): string
  close(): Promise<void>
}

/** Runs `work` at a desk of its own in a simulated world. */
export async function atDesk(work: (desk: Desk) => Promise<void>): Promise<void> {
  const { world, run } = testWorld()
  await run(async () => {
    const desk = await makeDesk(world)
    await work(desk)
    await desk.close()
  })
}

/** Bob's account, with an alias, in a new store. */
export async function makeDesk(world: World): Promise<Desk> {
  const store = await openStore(world)
  const id = await makeAccount(store, 'bob@recipient.test')
  await store.commit([{ kind: 'alias.put', alias: 'robert@recipient.test', account: id }])
  const sent: Outgoing[] = []
  const submit = async (_account: unknown, message: Outgoing) => {
    sent.push(message)
    const isRefused = message.forwardPaths.some((path) => path.startsWith('550'))
    if (isRefused) return { reply: reply(550, '5.1.1', 'no such mailbox'), trace: undefined }
    const [recorded] = message.record ? await store.commit([message.record('T1')]) : []
    return { reply: reply(250, '2.0.0', 'accepted'), trace: 'T1', recorded }
  }
  const backend: JmapBackend = { store, account: store.account(id)!, world, submit }
  const accountId = `a${id}`
  const ask: Desk['ask'] = async (...calls) => {
    const methodCalls = calls.map(([method, args], i): Invocation => [method, { accountId, ...args }, String(i)])
    const body = Buffer.from(
      JSON.stringify({
        using: [CORE, MAIL, SUBMISSION, VACATION, SIEVE, BLOB, QUOTA, MDN, CONTACTS, PRINCIPALS, DELETED],
        methodCalls,
      }),
    )
    const result = await handleRequest(backend, body)
    if ('problem' in result) throw new Error(JSON.stringify(result.problem))
    return result.response.methodResponses.map(([name, args]): [string, Loose] => [name, args])
  }
  return {
    backend,
    accountId,
    sent,
    ask,
    one: async (method, args = {}) => (await ask([method, args]))[0]![1],
    deliver: async (text, { mailbox = 'inbox', flags = [], receivedAtMs = nowMs } = {}) => {
      const source = Buffer.from(text.replace(/\r?\n/g, '\r\n'))
      const blob = await store.putBlob([source])
      const summary = summarise(source)
      const rest = { blob, summary, flags, receivedAtMs, verdict: null }
      const made = await done(store, { kind: 'email.deliver', account: id, mailboxes: [mailbox], ...rest })
      return `e${made.emailId}`
    },
    box: (role) => `m${store.mailboxByUse(id, role)!.id}`,
    close: () => store.close(),
  }
}
