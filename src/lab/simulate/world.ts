// The stage of the simulated world: the system of a plan on hosts of its own, strangers beside it.

import type { SystemPlan } from '../../system/description.ts'
import { SimulatedSystem } from '../../system/simulated.ts'
import type { SimulatedHost } from '../../world/simulated/host.ts'
import { type SimulationOptions, simulate } from '../../world/simulated/simulation.ts'
import { STRANGERS_RECORDS } from './letters.ts'
import type { Stage } from './stage.ts'

/** As long as any sender would try. */
const WEEK_MS = 7 * 86_400_000

export interface SimulatedStage extends Stage {
  readonly system: SimulatedSystem
}

/** `restMs`: how long a letter may be on its way. */
export async function simulatedStage(
  plan: SystemPlan,
  options: SimulationOptions,
  restMs = WEEK_MS,
): Promise<SimulatedStage> {
  const simulation = simulate({ latencyMs: 10, ...options })
  const system = await SimulatedSystem.start(plan, simulation, { stores: { mail: 'stays', eventsKept: 1_000_000 } })
  system.publish(STRANGERS_RECORDS)
  const computers = new Map<string, SimulatedHost>()
  const waits = () => [...system.agents.values()].some(({ agent }) => agent.store.queueNextDueMs() !== undefined)
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
    async rest() {
      const endMs = simulation.nowMs + restMs
      await simulation.run(() => !waits() || simulation.nowMs > endMs)
    },
  }
}
