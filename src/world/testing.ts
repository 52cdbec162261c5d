// A ready simulated machine for unit tests: `const { world, run } = testWorld()`, then `await run(work())`.

import type { SimulatedHost } from './simulated/host.ts'
import { type Simulation, simulate } from './simulated/simulation.ts'
import type { World } from './world.ts'

export interface TestWorld {
  /** One host, 'test' at 192.0.2.1 and 2001:db8::1. */
  readonly world: World
  readonly host: SimulatedHost
  /** For more hosts, DNS records (`simulation.dns.set(…)`), faults and virtual time. */
  readonly simulation: Simulation
  /** Lets virtual time pass until the work is done; gives its result. @throws Error when it never will be */
  run<T>(work: Promise<T> | (() => Promise<T>)): Promise<T>
}

/** The same seed gives the same chance, times and faults. */
export function testWorld(seed: number | string = 1): TestWorld {
  const simulation = simulate({ seed })
  const host = simulation.host('test', ['192.0.2.1', '2001:db8::1'])
  return {
    host,
    simulation,
    get world() {
      return host.world
    },
    run: (work) => simulation.finish(typeof work === 'function' ? work() : work),
  }
}
