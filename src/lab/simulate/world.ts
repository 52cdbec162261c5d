// The stage of the simulated world: the system of a plan on hosts of its own, strangers beside it.

import type { StateOptions } from '../../store/memory/state.ts'
import type { SystemPlan } from '../../system/plan.ts'
import { SimulatedSystem } from '../../system/simulated.ts'
import type { SimulatedHost } from '../../world/simulated/host.ts'
import { type SimulationOptions, simulate } from '../../world/simulated/simulation.ts'
import { STRANGERS_RECORDS } from './letters.ts'
import type { Stage } from './stage.ts'

/** As long as any sender would try. */
const WEEK_MS = 7 * 86_400_000
const REST_STEP_MS = 1000

export interface SimulatedStage extends Stage {
  readonly system: SimulatedSystem
}

/** For looking at afterwards, or for many agents and messages, of which what was counted is let go. */
const STORES = {
  kept: () => ({ mail: 'stays', eventsKept: 1_000_000 }),
  // Of all agents together half a million: enough for what comes back later.
  counted: (agents: number) => ({ mail: 'is taken away', eventsKept: Math.max(100, Math.floor(500_000 / agents)) }),
} as const satisfies Record<string, (agents: number) => StateOptions>
/** As most domains have it: in a lab of few agents changes show sooner. */
const TTL_S = 3600

export interface StageOptions extends SimulationOptions {
  /** What becomes of mail that has arrived and of what was noted of it (default: kept). */
  readonly mail?: keyof typeof STORES
}

/** `restMs`: how long a letter may be on its way. */
export async function simulatedStage(
  plan: SystemPlan,
  { mail = 'kept', ...options }: StageOptions,
  restMs = WEEK_MS,
): Promise<SimulatedStage> {
  const simulation = simulate({ latencyMs: 10, isQuick: true, ...options })
  const stores = STORES[mail](plan.agents.length)
  const system = await SimulatedSystem.start(plan, simulation, { stores, ...(mail === 'counted' && { ttlS: TTL_S }) })
  system.publish(STRANGERS_RECORDS)
  const computers = new Map<string, SimulatedHost>()
  return {
    plan,
    system,
    agent: (id) => system.agent(id),
    computer(ip) {
      const host = computers.get(ip) ?? system.host(`computer ${ip}`, ip)
      computers.set(ip, host)
      return host.world
    },
    finish: (work) => simulation.finish(work, WEEK_MS),
    rest: () => untilNothingWaits(system, simulation.nowMs + restMs),
  }
}

/**
 * Time passes until no queue holds anything, or it is so late. Every agent is asked: not at each of the events of many, and
 * not each second of the days in which a notice to a host that does not listen is tried again.
 */
export async function untilNothingWaits(
  { simulation, agents }: SimulatedSystem,
  endMs: number,
  isEnough: () => boolean = () => false,
): Promise<void> {
  while (simulation.nowMs <= endMs && !isEnough()) {
    let nextMs = Number.POSITIVE_INFINITY
    for (const { agent } of agents.values()) {
      const dueMs = agent.store.queue.nextDueMs()
      if (dueMs !== undefined) nextMs = Math.min(nextMs, dueMs - agent.world.clock.now())
    }
    if (nextMs === Number.POSITIVE_INFINITY) return
    const steps = Math.max(1, Math.ceil(Math.min(nextMs, endMs - simulation.nowMs) / REST_STEP_MS))
    await simulation.runFor(steps * REST_STEP_MS)
  }
}
