// Tells subscribed devices that something changed (RFC 8620 §7.2, RFC 8030): after a change of an account, one POST to the
// push service of each of its verified subscriptions. A new subscription first gets a code that its client must show, so
// that nobody can make us push to a stranger. What could not be told is told again later; the newest state is enough.

import { RateLimit } from '../../../filter/rate.ts'
import { httpsPost } from '../../../identity/mta-sts/https-get.ts'
import { formatId } from '../../../protocols/jmap/ids.ts'
import { type PushSubscription, subscriptionsOf, withState } from '../../../protocols/jmap/push-subscription.ts'
import { stateChange } from '../../../protocols/jmap/session.ts'
import type { AccountId } from '../../../store/nouns/people.ts'
import { PUSHES } from '../../../store/nouns/watched.ts'
import type { Timer } from '../../../world/world.ts'
import type { Agent } from '../../agent.ts'
import { Unattended } from '../../unattended.ts'
import { encryptPush } from './encrypt.ts'
import { authorization, type VapidKey, vapidKey } from './vapid.ts'

/** Changes that come together are told together. */
const GATHER_MS = 1000
const TIMEOUT_MS = 20_000
const TTL_S = 86_400
const MAX_ANSWER_BYTES = 4096
const AT_ONCE = 20
const WAITING = 10_000
const RETRY_MS = 60_000
const RETRIES = 8
/** Of one account: a person has a few devices, and each code goes to an address that nobody has shown to be his. */
const CODES_PER_HOUR = 20

export class Pusher {
  readonly #agent: Agent
  readonly #key: VapidKey
  readonly #codes: RateLimit
  readonly #looking: Unattended
  readonly #watched = new Map<AccountId, () => void>()
  readonly #timers = new Map<string, Timer>()
  readonly #failures = new Map<string, number>()
  readonly #queue: (() => Promise<void>)[] = []
  #running = 0
  #unwatch: (() => void) | undefined
  #stopped = false

  constructor(agent: Agent) {
    this.#agent = agent
    this.#looking = this.#unattended(() => this.#look())
    this.#key = vapidKey(agent.secrets.server)
    this.#codes = new RateLimit(agent.world.clock, CODES_PER_HOUR, 3_600_000)
  }

  start(): void {
    this.#unwatch = this.#agent.store.watch(PUSHES, () => this.#looking.begin())
    this.#looking.begin()
  }

  stop(): void {
    this.#stopped = true
    this.#unwatch?.()
    this.#looking.stop()
    for (const unwatch of this.#watched.values()) unwatch()
    for (const timer of this.#timers.values()) timer.cancel()
  }

  #unattended(work: () => void): Unattended {
    const { world, log } = this.#agent
    return new Unattended(world.clock, work, (error) =>
      log('error', 'push subscriptions cannot be read now', { error: String(error) }),
    )
  }

  /** Subscriptions are others: watches whom they are about, and sends codes to new ones. */
  #look(): void {
    if (this.#stopped) return
    const { store } = this.#agent
    const accounts = new Set(store.lists.pushed())
    for (const [account, unwatch] of this.#watched) {
      if (accounts.has(account)) continue
      unwatch()
      this.#watched.delete(account)
    }
    for (const account of accounts) {
      if (!this.#watched.has(account)) this.#watch(account)
      for (const subscription of subscriptionsOf(store, account)) {
        if (subscription.state === 'new') this.#verify(account, subscription)
      }
    }
  }

  #watch(account: AccountId): void {
    const telling = this.#unattended(() => this.#tell(account))
    const unwatch = this.#agent.store.watch(account, () =>
      this.#later(`account ${account}`, GATHER_MS, () => telling.begin()),
    )
    this.#watched.set(account, () => {
      unwatch()
      telling.stop()
    })
  }

  /** Once, however often it is asked for meanwhile. */
  #later(key: string, delayMs: number, action: () => void): void {
    if (this.#stopped || this.#timers.has(key)) return
    this.#timers.set(
      key,
      this.#agent.world.clock.after(delayMs, () => {
        this.#timers.delete(key)
        if (!this.#stopped) action()
      }),
    )
  }

  #verify(account: AccountId, subscription: PushSubscription): void {
    const { store, log } = this.#agent
    // Noted before it goes out: a code is sent once, whatever happens.
    const noted = store.commit([withState(account, subscription, 'asked')])
    const isOneTooMany = !this.#codes.take(String(account))
    if (isOneTooMany) log('warning', 'too many push subscriptions of one account', { account })
    const code = {
      '@type': 'PushVerification',
      pushSubscriptionId: formatId('p', subscription.id),
      verificationCode: subscription.code,
    }
    noted.then(
      () => !isOneTooMany && this.#send(account, subscription, () => code),
      (error: unknown) => log('warning', 'a push subscription could not be noted', { error: String(error) }),
    )
  }

  #tell(account: AccountId): void {
    const { store, world } = this.#agent
    const who = store.account(account)
    if (who === undefined) return
    for (const subscription of subscriptionsOf(store, account)) {
      if (subscription.state !== 'verified' || subscription.expiresMs <= world.clock.now()) continue
      this.#send(account, subscription, () => stateChange({ store, account: who }, subscription.types ?? undefined))
    }
  }

  /** A few at a time; `message` is made when its turn comes. */
  #send(account: AccountId, subscription: PushSubscription, message: () => object): void {
    if (this.#stopped || this.#queue.length >= WAITING) return
    this.#queue.push(() => this.#deliver(account, subscription, message))
    this.#next()
  }

  #next(): void {
    if (this.#running >= AT_ONCE) return
    const work = this.#queue.shift()
    if (work === undefined) return
    this.#running++
    work()
      .catch((error: unknown) => this.#agent.log('error', 'a push message broke', { error: String(error) }))
      .finally(() => {
        this.#running--
        this.#next()
      })
  }

  async #deliver(account: AccountId, subscription: PushSubscription, message: () => object): Promise<void> {
    if (this.#stopped) return
    const { store, log } = this.#agent
    const outcome = await this.#request(subscription, message).catch((error: unknown) => ({ fault: String(error) }))
    const key = `subscription ${account}/${subscription.id}`
    if ('status' in outcome && outcome.status < 300) {
      this.#failures.delete(key)
      return
    }
    // RFC 8030 §7.3: the service says that this subscription is no more.
    if ('status' in outcome && (outcome.status === 404 || outcome.status === 410)) {
      this.#failures.delete(key)
      await store.commit([{ kind: 'object.remove', account, of: 'push', id: subscription.id }])
      return
    }
    const failures = (this.#failures.get(key) ?? 0) + 1
    const why = 'fault' in outcome ? outcome.fault : `status ${outcome.status}`
    log('info', 'a push message was not taken', { account, subscription: subscription.id, why, failures })
    if (failures > RETRIES) {
      this.#failures.delete(key)
      return
    }
    this.#failures.set(key, failures)
    this.#later(key, RETRY_MS * 2 ** (failures - 1), () => this.#send(account, subscription, message))
  }

  /** @throws DiskError when it cannot be read what there is to tell */
  async #request({ url, keys }: PushSubscription, message: () => object): ReturnType<typeof httpsPost> {
    const { world, domain, settings } = this.#agent
    const body = Buffer.from(JSON.stringify(message()))
    const { hostname, port, pathname, search, origin } = new URL(url)
    const claims = { origin, contact: `postmaster@${domain}`, nowMs: world.clock.now() }
    const fields = {
      TTL: String(TTL_S),
      Urgency: 'normal',
      Authorization: await authorization(this.#key, claims, world.cpu),
      ...(keys === null ? {} : { 'Content-Encoding': 'aes128gcm' }),
    }
    const request = {
      host: hostname,
      port: port === '' ? 443 : Number(port),
      path: pathname + search,
      fields,
      contentType: keys === null ? 'application/json' : 'application/octet-stream',
      body: keys === null ? body : encryptPush(body, keys, world.random),
      timeoutMs: TIMEOUT_MS,
      maxBytes: MAX_ANSWER_BYTES,
    }
    return httpsPost(world, request, { privateDestinations: settings.transmitter.privateDestinations })
  }
}
