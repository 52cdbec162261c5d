// The pools as an administrator sees them: each address, how far it has warmed up, what left from it today, and where it
// rests because it was turned away.

import type { Store } from '../../store/store.ts'
import type { AdminAnswer } from '../administer.ts'
import { allowanceOf, dayOf, type Pool, type PoolAddress, stageOf } from './pools.ts'
import type { QueuePlace } from './queue-desk.ts'

const DESTINATIONS = 10
const RESTS = 20

export function listPools({ store, world, pools }: QueuePlace): AdminAnswer {
  if (pools === undefined || pools.length === 0)
    return {
      ok: true,
      text: 'No pools of addresses here, or the agent is stopped: they are in its description.',
      data: { pools: [] },
    }
  const nowMs = world.clock.now()
  const data = pools.map((pool) => ({
    name: pool.name,
    addresses: pool.addresses.map((address) => stateOf(store, address, nowMs)),
  }))
  return { ok: true, text: data.map(textOf).join('\n'), data: { pools: data } }
}

function stateOf(store: Store, { ip, hostName, warmUp }: PoolAddress, nowMs: number) {
  const day = dayOf(nowMs)
  const firstDay = store.sources.firstDay(ip)
  const allowed = allowanceOf(warmUp, firstDay, day)
  return {
    ip,
    hostName,
    /** Of its warming up, from 1 on; null: it is warm. */
    day: warmUp === undefined || allowed === undefined ? null : stageOf(warmUp, firstDay, day) + 1,
    allowed: allowed ?? null,
    today: store.sources.day(ip, day, Number.MAX_SAFE_INTEGER).reduce((sum, { count }) => sum + count, 0),
    destinations: store.sources.day(ip, day, DESTINATIONS),
    rests: store.sources.rests(ip, RESTS).filter(({ untilMs }) => untilMs > nowMs),
  }
}

function textOf({
  name,
  addresses,
}: Pick<Pool, 'name'> & { addresses: readonly ReturnType<typeof stateOf>[] }): string {
  const lines = addresses.flatMap(({ ip, hostName, day, allowed, today, destinations, rests }) => {
    const stage =
      day === null
        ? 'warm'
        : day < 1
          ? `begins in ${1 - day} ${day === 0 ? 'day' : 'days'}`
          : `warms up, day ${day}: ${allowed} to each destination`
    const of = allowed === null ? '' : ` of ${allowed}`
    return [
      `  ${ip}  ${hostName}  ${stage}  today ${today}`,
      ...destinations.map(({ provider, count }) => `${String(count).padStart(7)}${of}  ${provider}`),
      ...rests.map(
        ({ provider, untilMs, said }) =>
          `      rests at ${provider} until ${new Date(untilMs).toISOString().slice(0, 19)}Z: ${said}`,
      ),
    ]
  })
  return [name, ...lines].join('\n')
}
