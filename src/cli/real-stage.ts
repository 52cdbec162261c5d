// The stage of reality: the same system as real agents on this computer's loopback addresses, with sockets, TLS, disks and
// a DNS of their own. What the simulated world predicts is compared with it, cell by cell.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { completed } from '../lab/simulate/completed.ts'
import { STRANGERS_RECORDS } from '../lab/simulate/letters.ts'
import type { Stage } from '../lab/simulate/stage.ts'
import { cellsOf, type Survival, survival } from '../lab/simulate/survival.ts'
import { simulatedStage } from '../lab/simulate/world.ts'
import type { SystemModel } from '../notation/model.ts'
import { Resolver } from '../protocols/dns/resolver.ts'
import { planSystem } from '../system/description.ts'
import type { SystemPlan } from '../system/plan.ts'
import { realWorld } from '../world/real/world.ts'
import type { World } from '../world/world.ts'
import { startLab } from './lab.ts'

/** How long a letter may be on its way. Nothing that works takes so long. */
const REST_MS = 20_000
const LOOK_MS = 20
const TRIES = 1
/** A command that changes nothing. */
const AFTER_ALL = { kind: 'report.prune', beforeMs: 0 } as const

export interface Comparison {
  readonly predicted: Survival
  readonly real: Survival
  readonly cells: readonly { readonly cell: string; readonly predicted: string; readonly real: string }[]
}

/** The model with addresses of this computer, and what was assumed for it. */
export function onLoopback(model: SystemModel) {
  return completed(model, { loopback: true })
}

/** Sends the letters of a plan in both worlds. @throws NetworkError, DiskError when it cannot start here */
export async function compare(model: SystemModel, seed: string): Promise<Comparison> {
  const { plan } = planSystem(model)
  // As impatient as we are here: who is asked to come again in some minutes is waiting, in both worlds.
  const predicted = await survival(await simulatedStage(plan, { seed }, REST_MS), { tries: TRIES })
  const real = await survivalHere(plan)
  const [a, b] = [cellsOf(predicted), cellsOf(real)]
  const cells = [...new Set([...a.keys(), ...b.keys()])].map((cell) => ({
    cell,
    predicted: a.get(cell) ?? 'not reached',
    real: b.get(cell) ?? 'not reached',
  }))
  return { predicted, real, cells }
}

async function survivalHere(plan: SystemPlan): Promise<Survival> {
  const folder = await mkdtemp(join(tmpdir(), 'borderpost-lab-'))
  try {
    const lab = await startLab({ plan, folder, log: () => {}, records: STRANGERS_RECORDS, pages: false })
    try {
      const { clock } = lab.world
      const computers = new Map<string, World>()
      const agents = new Map(lab.system.agents.map((agent) => [agent.plan.id, agent]))
      const waits = () => lab.system.agents.some(({ agent }) => agent.store.queue.length() > 0)
      const stage: Stage = {
        plan,
        agent: (id) => agents.get(id)!,
        computer(ip) {
          const made =
            computers.get(ip) ??
            realWorld({
              folder: join(folder, `computer-${ip}`),
              localAddress: ip,
              dns: (parts) => new Resolver({ ...parts, servers: [lab.dns] }),
            })
          computers.set(ip, made)
          return made
        },
        finish: (work) => work,
        async rest() {
          const endMs = clock.monotonic() + REST_MS
          while (waits() && clock.monotonic() < endMs) await clock.sleep(LOOK_MS)
          // What was found out is kept beside the replies, and may come to the disk after them: a commit that was asked for
          // later is done later.
          await Promise.all(lab.system.agents.map(({ agent }) => agent.store.commit([AFTER_ALL])))
        },
      }
      return await survival(stage, { tries: TRIES })
    } finally {
      await lab.stop()
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
