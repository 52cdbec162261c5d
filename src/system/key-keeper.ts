// Keeps an agent's DKIM keys: looks every hour at what DNS shows of them, moves them on in their life
// (src/identity/dkim/rotation.ts), makes the next one ahead of time, and says what an administrator should know. Of several
// nodes that share a store, the one that carries mail looks; the others read what it found.
//
// While DNS shows no key of a domain, its mail leaves unsigned, and that is said: SPF proves it still, and a signature that
// nobody can verify proves nothing more (RFC 6376 §6.1.2). To wait would hold mail for what may never be published.

import {
  advanced,
  maySign,
  type RotationRules,
  revoked,
  rotated,
  type Sighting,
  wantsNext,
} from '../identity/dkim/rotation.ts'
import { type Looker, sightingOf } from '../identity/dkim/sighting.ts'
import { Resolver } from '../protocols/dns/resolver.ts'
import type { AdminAnswer } from '../roles/administer.ts'
import type { Agent } from '../roles/agent.ts'
import { domainOf } from '../roles/routing.ts'
import type { OpenedStore } from '../store/open.ts'
import type { Store } from '../store/store.ts'
import type { Timer, World } from '../world/world.ts'
import { haveSecrets, type KnownKey, type Secrets, secretsOf } from './secrets.ts'

const LOOK_EVERY_MS = 3_600_000
const READ_EVERY_MS = 60_000
const DNS_PORT = 53

export interface KeyKeeperParts {
  readonly secrets: Secrets
  readonly world: Pick<World, 'clock' | 'dns' | 'network' | 'random'>
  readonly store: { readonly queue: Pick<Store['queue'], 'after'> }
  readonly rotateAfterMs: number | undefined
  /** It signs at all. */
  readonly signs: boolean
  /** In a lab name servers have private addresses. */
  readonly privateServers: boolean
  readonly log: Agent['log']
  /** How often it looks; default: every hour. */
  readonly everyMs?: number | undefined
  /** What DNS should show is another now. */
  readonly onChange?: () => void
}

export class KeyKeeper {
  readonly #parts: KeyKeeperParts
  readonly #looker: Looker
  #timer: Timer | undefined
  #reading: Timer | undefined
  #said = ''

  constructor(parts: KeyKeeperParts) {
    this.#parts = parts
    const { clock, network, random, dns } = parts.world
    this.#looker = {
      dns,
      privateServers: parts.privateServers,
      at: (address) =>
        new Resolver({ clock, network, random, servers: [{ address, port: DNS_PORT }], trustAuthenticatedData: false }),
    }
  }

  /** Looks now, and then again and again. */
  start(): void {
    this.stop()
    const again = () => {
      this.#timer = this.#parts.world.clock.after(this.#parts.everyMs ?? LOOK_EVERY_MS, again)
      this.look().catch((error: unknown) =>
        this.#parts.log('error', 'what DNS shows of our keys cannot be kept now', { error: String(error) }),
      )
    }
    again()
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }

  /** What another node found is read every minute. */
  follow(): void {
    const { clock } = this.#parts.world
    const again = () => {
      this.#reading = clock.after(READ_EVERY_MS, () => {
        if (this.#timer !== undefined) return again()
        this.#parts.secrets
          .refresh()
          .catch((error: unknown) =>
            this.#parts.log('warning', 'what another node knows of our keys cannot be read now', {
              error: String(error),
            }),
          )
          .finally(() => this.#reading !== undefined && again())
      })
    }
    again()
  }

  unfollow(): void {
    this.#reading?.cancel()
    this.#reading = undefined
  }

  /** One look at DNS, and what follows from it. @throws DiskError */
  async look(): Promise<void> {
    const { secrets, store, world, log, signs } = this.#parts
    if (!signs) return
    const before = secrets.keys
    const found = await Promise.all(
      before.map(async (key) => [nameOf(key), await sightingOf(this.#looker, nameOf(key), key.record)] as const),
    )
    const sightings = new Map(found)
    const rules: RotationRules = {
      nowMs: world.clock.now(),
      rotateAfterMs: this.#parts.rotateAfterMs,
      oldestInQueueMs: store.queue.after(0, 1)[0]?.acceptedAtMs,
    }
    await secrets.changeKeys((keys) =>
      linesOf(keys).flatMap((line) => advanced(line, sightingsIn(line, sightings), rules)),
    )
    for (const line of linesOf(secrets.keys))
      if (wantsNext(line, rules)) await secrets.makeNext(line[0]!.domain, line[0]!.algorithm)
    for (const sentence of movesOf(before, secrets.keys)) log('info', sentence)
    this.#warn()
    if (JSON.stringify(before.map(shape)) !== JSON.stringify(secrets.keys.map(shape))) this.#parts.onChange?.()
  }

  /** What is not as it should be, a sentence each. */
  #warn(): void {
    const problems = this.#problems()
    const said = problems.join('\n')
    if (said !== this.#said) for (const problem of problems) this.#parts.log('warning', problem)
    this.#said = said
  }

  #problems(): string[] {
    const { secrets, world, rotateAfterMs } = this.#parts
    const nowMs = world.clock.now()
    const domains = [...new Set(secrets.keys.map(({ domain }) => domain))]
    const unsigned = domains
      .filter((domain) => !secrets.keys.some((key) => key.domain === domain && maySign(key, nowMs)))
      .map(
        (domain) =>
          `mail of ${domain} leaves unsigned: DNS shows no DKIM key of it that is ours. Publish what "borderpost dns" prints.`,
      )
    const overdue = secrets.keys
      .filter((key) => key.state === 'active' && rotateAfterMs !== undefined && nowMs - key.sinceMs > rotateAfterMs)
      .map(
        (key) =>
          `the DKIM key ${nameOf(key)} should have been replaced: publish the next one, which "borderpost dns" prints.`,
      )
    const still = secrets.keys
      .filter((key) => key.state === 'revoked' && key.shownMs !== undefined)
      .map(
        (key) => `DNS still shows the DKIM key ${nameOf(key)}, which is revoked: publish "${key.record}" in its place.`,
      )
    return [...unsigned, ...overdue, ...still]
  }

  /** For the administrator: every key with its state. */
  list(): AdminAnswer {
    const lines = this.#parts.secrets.keys.map((key) => sentenceOf(key, this.#parts.world.clock.now()))
    return { ok: true, text: [...lines, ...this.#problems()].join('\n') || 'There are no DKIM keys here.' }
  }

  /** Makes the next keys of a domain now, to be published ahead. @throws DiskError */
  async prepare(domain: string): Promise<AdminAnswer> {
    const { secrets } = this.#parts
    const lines = linesOf(secrets.keys).filter(([key]) => key!.domain === domain)
    if (lines.length === 0) return { ok: false, text: `There are no DKIM keys of ${domain} here.` }
    for (const line of lines) await secrets.makeNext(domain, line[0]!.algorithm)
    this.#parts.onChange?.()
    const next = secrets.keys.filter((key) => key.domain === domain && isNext(key))
    return { ok: true, text: next.map((key) => `Publish ${nameOf(key)}. TXT "${key.record}"`).join('\n') }
  }

  /** The next keys of a domain take over now, if DNS shows them. @throws DiskError */
  async rotate(domain: string): Promise<AdminAnswer> {
    const { secrets, world } = this.#parts
    const lines = linesOf(secrets.keys).filter(([key]) => key!.domain === domain)
    const nowMs = world.clock.now()
    const unseen = lines.filter((line) => rotated(line, nowMs) === undefined)
    if (lines.length === 0 || unseen.length > 0) {
      const what = unseen
        .flat()
        .filter(isNext)
        .map((key) => `${nameOf(key)} (${key.state})`)
      const why =
        what.length > 0
          ? `DNS has not shown ${what.join(', ')} three times, an hour apart. Nothing is signed with a key that nobody can look up.`
          : `There is no next key of ${domain}: borderpost dkim prepare ${domain}.`
      return { ok: false, text: why }
    }
    await secrets.changeKeys((keys) =>
      linesOf(keys).flatMap((line) => (line[0]!.domain === domain ? (rotated(line, nowMs) ?? line) : line)),
    )
    for (const line of lines) await secrets.makeNext(domain, line[0]!.algorithm)
    this.#parts.onChange?.()
    return { ok: true, text: this.list().text }
  }

  /** A key that somebody else may have signs nothing more, and DNS is to say so. @throws DiskError */
  async revoke(domain: string, selector: string): Promise<AdminAnswer> {
    const { secrets, world } = this.#parts
    const key = secrets.keys.find((one) => one.domain === domain && one.selector === selector)
    if (key === undefined) return { ok: false, text: `There is no DKIM key ${selector} of ${domain} here.` }
    const nowMs = world.clock.now()
    await secrets.changeKeys((keys) =>
      linesOf(keys).flatMap((line) => {
        if (!line.some((one) => one.domain === domain && one.selector === selector)) return line
        // Another that DNS shows takes over at once.
        return revoked(key.state === 'active' ? (rotated(line, nowMs) ?? line) : line, selector, nowMs)
      }),
    )
    await secrets.makeNext(domain, key.algorithm)
    this.#parts.onChange?.()
    const record = secrets.keys.find((one) => one.domain === domain && one.selector === selector)!.record
    return {
      ok: true,
      text: `${nameOf(key)} signs nothing more. Publish in its place: TXT "${record}"\n${this.list().text}`,
    }
  }
}

/** The keys of an agent that does not run: nobody looks at DNS, and what it showed last counts. @throws DiskError */
export async function keysOfStopped(world: World, { store, vault }: OpenedStore): Promise<KeyKeeper | undefined> {
  const postmaster = store.accounts().find(({ address }) => /^postmaster@/i.test(address))
  if (postmaster === undefined || !(await haveSecrets(world))) return undefined
  const domain = domainOf(postmaster.address)
  const secrets = await secretsOf(world, { domain, hostName: domain, ip: '', signsFor: [] }, vault)
  const parts = { secrets, world, store, rotateAfterMs: undefined, signs: true, privateServers: false }
  return new KeyKeeper({ ...parts, log: () => {} })
}

const nameOf = ({ selector, domain }: KnownKey) => `${selector}._domainkey.${domain}`
const isNext = ({ state }: KnownKey) => state === 'prepared' || state === 'published'
/** What DNS should show of it. */
const shape = ({ domain, selector, record }: KnownKey) => [domain, selector, record]

function linesOf(keys: readonly KnownKey[]): KnownKey[][] {
  const lines = new Map<string, KnownKey[]>()
  for (const key of keys) {
    const line = `${key.domain} ${key.algorithm}`
    lines.set(line, [...(lines.get(line) ?? []), key])
  }
  return [...lines.values()]
}

const sightingsIn = (line: readonly KnownKey[], sightings: ReadonlyMap<string, Sighting>) =>
  new Map(line.map((key) => [key.selector, sightings.get(nameOf(key)) ?? 'unknown'] as const))

function movesOf(before: readonly KnownKey[], after: readonly KnownKey[]): string[] {
  const old = new Map(before.map((key) => [nameOf(key), key.state]))
  const moved = after.filter((key) => old.get(nameOf(key)) !== key.state)
  const gone = before.filter((key) => !after.some((one) => nameOf(one) === nameOf(key)))
  return [
    ...moved.map((key) => `the DKIM key ${nameOf(key)} is ${key.state}`),
    ...gone.map((key) => `the DKIM key ${nameOf(key)} is gone: its record may be taken out of DNS`),
  ]
}

function sentenceOf(key: KnownKey, nowMs: number): string {
  const day = (atMs: number) => new Date(atMs).toISOString().slice(0, 10)
  const shown = key.shownMs === undefined ? 'DNS does not show it' : `DNS showed it ${day(key.shownMs)}`
  const signs = maySign(key, nowMs) ? 'signs' : 'does not sign'
  return `${key.domain}  ${key.selector}  ${key.algorithm}  ${key.state} since ${day(key.sinceMs)}, ${signs}; ${shown}`
}
