// The MTA-STS policies that this agent's Transmitter has seen (RFC 8461), kept in the store: a policy that was seen holds
// until it is out of date, over restarts too, so that whoever blocks DNS or HTTPS gains nothing by waiting for one.

import { httpsGet } from '../../identity/mta-sts/https-get.ts'
import { type CachedPolicy, MtaSts, type PolicyCache } from '../../identity/mta-sts/mta-sts.ts'
import type { StsPolicy } from '../../identity/mta-sts/policy.ts'
import type { Command } from '../../store/commands.ts'
import type { Store } from '../../store/store.ts'
import type { World } from '../../world/world.ts'

/** What the disk refused, or is just writing. */
const MAX_UNWRITTEN = 1000

/** @param privateDestinations in a lab policies, too, are served by private addresses */
export function stsPolicies(world: World, store: Store, privateDestinations: boolean): MtaSts {
  const get = httpsGet(world, { privateDestinations })
  return new MtaSts({ dns: world.dns, clock: world.clock, get }, new StoredPolicies(store))
}

class StoredPolicies implements PolicyCache {
  readonly #store: Store
  readonly #unwritten = new Map<string, CachedPolicy>()

  constructor(store: Store) {
    this.#store = store
  }

  get(domain: string): CachedPolicy | undefined {
    const unwritten = this.#unwritten.get(domain)
    if (unwritten !== undefined) return unwritten
    const stored = this.#store.stsPolicy(domain)
    return stored && { ...stored, policy: JSON.parse(stored.policy) as StsPolicy }
  }

  set(domain: string, entry: CachedPolicy): void {
    const { id, policy, fetchedMs, expiresMs } = entry
    if (this.#unwritten.size >= MAX_UNWRITTEN) this.#unwritten.delete(this.#unwritten.keys().next().value!)
    this.#unwritten.set(domain, entry)
    this.#write(
      { kind: 'policy.put', policy: { domain, id, policy: JSON.stringify(policy), fetchedMs, expiresMs } },
      () => {
        if (this.#unwritten.get(domain) === entry) this.#unwritten.delete(domain)
      },
    )
  }

  delete(domain: string): void {
    this.#unwritten.delete(domain)
    this.#write({ kind: 'policy.remove', domain }, () => {})
  }

  fetchedBefore(fetchedMs: number, limit: number): string[] {
    return this.#store.stsPoliciesBefore(fetchedMs, limit)
  }

  /** If the disk refuses, the policy holds as long as this process remembers it. */
  #write(command: Command, written: () => void): void {
    this.#store.commit([command]).then(written, () => {})
  }
}
