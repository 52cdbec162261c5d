// A sender's agent in the real world with the web before it, for tests of the sending API: Anna's program, what it asks, and
// every answer held against the API's own description.

import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { parse } from '../notation/parse.ts'
import type { Loose } from '../protocols/jmap/testing.ts'
import type { Door } from '../roles/app-passwords.ts'
import { RunningAgent } from '../system/agent.ts'
import { planSystem } from '../system/description.ts'
import { TWO_AGENTS } from '../system/testing.ts'
import { backendsOf } from '../system/web.ts'
import { httpServer } from '../world/real/http.ts'
import { realWorld } from '../world/real/world.ts'
import { testFolder } from '../world/testing/folder.ts'
import { OPENAPI } from './openapi.ts'
import { createWeb } from './server.ts'
import { against } from './testing-schema.ts'

export const ANNA = 'anna@sender.test'
export const ALICE = 'alice@sender.test'
export const CARL = 'carl@far.test'
const SENDER = `
Author@alice ==> MSA/Transmitter@sender
Receiver/MDA@sender ==> Recipient@alice
`
const DESCRIBED = `${TWO_AGENTS.replace('\nsender: ', `${SENDER}\nsender: `)}
alice: address=${ALICE}, password=demo
`

export interface Asking {
  readonly method?: 'GET' | 'POST' | 'DELETE' | 'PATCH'
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  readonly from?: string
}

export async function atSender(t: TestContext, more = '') {
  const folder = testFolder()
  const { plan, findings } = planSystem(parse(DESCRIBED + more).model)
  assert.deepEqual(findings, [])
  const world = realWorld({
    folder: folder.path,
    dns: () => ({ resolve: () => Promise.reject(new Error('no DNS here')) }),
  })
  const own = plan.agents.find(({ id }) => id === 'sender')!
  const start = () => RunningAgent.start(own, world, { iterations: 10, transmitterPort: 25, log: () => {} })
  const running = await start()
  const app = createWeb({ world, serverFactory: httpServer, backends: backendsOf([running]) })
  t.after(async () => {
    await app.close()
    await running.stop(0)
    folder.remove()
  })
  const { agent, accounts } = running
  const passwordOf = async (address: string, doors: readonly Door[] = ['smtp']) => {
    const made = await accounts.appPasswords.make(agent.store.accountByAddress(address)!, 'a program', doors)
    return `Basic ${Buffer.from(`${address}:${(made as { secret: string }).secret}`).toString('base64')}`
  }
  const authorization = await passwordOf(ANNA)
  /** Asks as Anna's program; the answer must be as it is described. */
  const ask = async (url: string, { method = 'GET', body, headers = {}, from }: Asking = {}) => {
    const isJson = body !== undefined && typeof body !== 'string' && !Buffer.isBuffer(body)
    const answer = await app.inject({
      ...{ method, url, remoteAddress: from ?? '127.0.0.1' },
      headers: { authorization, ...(isJson && { 'content-type': 'application/json' }), ...headers },
      ...(body !== undefined && { payload: isJson ? JSON.stringify(body) : (body as string) }),
    })
    const json: Loose = answer.body === '' ? undefined : answer.json()
    mustBeDescribed(method, url, answer.statusCode, json)
    return { status: answer.statusCode, json, headers: answer.headers as Readonly<Record<string, string>> }
  }
  const send = (body: unknown, headers: Record<string, string> = {}) =>
    ask('/api/send', { method: 'POST', body, headers })
  /** The message as it lies in the queue. */
  const queued = async (trace: string) => {
    const [entry] = agent.store.queue.entries({ trace })
    return (await agent.store.readBlob(entry!.blob))!.toString('latin1')
  }
  return {
    world,
    folder: folder.path,
    running,
    agent,
    store: agent.store,
    app,
    ask,
    send,
    queued,
    passwordOf,
    authorization,
  }
}

function mustBeDescribed(method: string, url: string, status: number, json: unknown): void {
  const paths = OPENAPI.paths as Loose
  const path = Object.keys(paths)
    .filter((one) => new RegExp(`^${one.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(url.split('?')[0]!))
    .sort((a, b) => a.split('{').length - b.split('{').length)[0]
  const { responses } = paths[path ?? '']?.[method.toLowerCase()] ?? {}
  assert.ok(responses !== undefined, `${method} ${url} is not described`)
  const response = responses[status] ?? responses.default
  const [content] = Object.values(response.content ?? {}) as Loose[]
  if (content?.schema !== undefined) assert.deepEqual(against(OPENAPI, content.schema, json), [], `${method} ${url}`)
}
