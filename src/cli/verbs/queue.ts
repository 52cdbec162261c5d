// `borderpost queue`: what waits to leave an agent, and what an administrator wants done with it. A running agent is asked
// through the door in its folder; the store of one that is stopped is opened here.

import { basename } from 'node:path'
import type { AdminAnswer } from '../../roles/administer.ts'
import { type QueueWish, queueDesk } from '../../roles/transmitter/queue-desk.ts'
import * as values from '../../system/values.ts'
import { DiskError } from '../../world/disk.ts'
import { NetworkError } from '../../world/network.ts'
import { agentsIn } from '../agents-in.ts'
import { EXIT } from '../read-description.ts'
import { askIn, clean } from './account.ts'

/** A large queue takes its time. */
const PATIENCE_MS = 3_600_000

/** As commander gives them. */
export interface QueueOptions {
  readonly folder: string
  readonly agent?: string
  readonly json: boolean
  readonly domain?: string
  readonly contract?: string
  readonly sender?: string
  readonly older?: string
  readonly younger?: string
  readonly reply?: string
  readonly state?: string
  readonly trace?: string
  readonly messages?: boolean
  readonly limit?: string
  readonly dryRun?: boolean
  readonly all?: boolean
  readonly to?: string
  readonly why?: string
}

export async function queue(
  action: string,
  numbers: readonly string[],
  options: QueueOptions,
  print: (text: string) => void,
): Promise<number> {
  const agents = agentsIn(options.folder).filter((path) => [undefined, basename(path)].includes(options.agent))
  if (agents.length === 0) {
    console.error(`${options.folder} holds no such store. Name the folder of an agent, or the folder of a system.`)
    return EXIT.usage
  }
  if (agents.length > 1 && (numbers.length > 0 || !['list', 'show', 'pools'].includes(action))) {
    console.error(`Which agent is meant? --agent ${agents.map((path) => basename(path)).join(', --agent ')}`)
    return EXIT.usage
  }
  const wish = wishOf(action, numbers, options)
  if (typeof wish === 'string') {
    console.error(wish)
    return EXIT.usage
  }
  let isFine = true
  for (const agent of agents) {
    try {
      const answer = await askIn(agent, wish, (world, { store }) => queueDesk({ store, world }, wish), PATIENCE_MS)
      isFine &&= answer.ok
      show(answer, { agent: basename(agent), isOne: agents.length === 1, json: options.json }, print)
    } catch (error) {
      if (!(error instanceof DiskError || error instanceof NetworkError)) throw error
      console.error(`${basename(agent)}: ${error.message}`)
      isFine = false
    }
  }
  return isFine ? EXIT.ok : EXIT.findings
}

function show(
  { ok, text, data }: AdminAnswer,
  { agent, isOne, json }: { agent: string; isOne: boolean; json: boolean },
  print: (text: string) => void,
): void {
  if (json) print(`${JSON.stringify({ agent, ok, text, ...(data as object | undefined) })}\n`)
  else if (ok) print(clean(`${isOne ? '' : `${agent}: `}${text}\n`))
  else console.error(clean(text))
}

/** The wish; or what is wrong with the options. */
function wishOf(action: string, numbers: readonly string[], options: QueueOptions): QueueWish | string {
  const { domain, contract: share, sender, reply, trace, state, messages, limit, dryRun, all, to, why } = options
  const times = [options.older, options.younger].map((time) => (time === undefined ? undefined : values.duration(time)))
  const wrong = times.find((time) => time?.ok === false)
  if (wrong?.ok === false) return `Write ${wrong.expected}.`
  if (!numbers.every((number) => /^\d{1,15}$/.test(number))) return 'A number is as `borderpost queue list` shows it.'
  if (state !== undefined && state !== 'waiting' && state !== 'held') return 'A state is waiting or held.'
  const agoMs = (time: (typeof times)[number]) => (time?.ok ? Date.now() - time.value * 1000 : undefined)
  const filter = {
    ids: numbers.length > 0 ? numbers.map(Number) : undefined,
    acceptedBeforeMs: agoMs(times[0]),
    acceptedAfterMs: agoMs(times[1]),
    ...{ domain, share, sender, reply, trace, state },
  }
  const count = limit === undefined ? undefined : Number(limit)
  const rest = { limit: count, messages, dryRun, all, to, why }
  const given = (record: object) =>
    Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined))
  return { verb: 'queue', action, filter: given(filter), ...given(rest) } as unknown as QueueWish
}
