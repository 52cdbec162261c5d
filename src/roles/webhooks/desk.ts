// Where an Author says what his programs are told, and sees how it goes.

import type { Account } from '../../store/nouns/people.ts'
import type { Agent } from '../agent.ts'
import { eventName, post, urlComplaint } from './post.ts'
import {
  type EventType,
  isTold,
  progressOf,
  putWebhook,
  ROTATION_MS,
  secretsOf,
  type Webhook,
  type WebhookSettings,
  webhooksOf,
} from './subscriptions.ts'

/** Of his words; what is not said stays. */
export interface WebhookWish {
  readonly url?: string
  readonly events?: readonly EventType[]
  readonly description?: string
  readonly enabled?: boolean
}

const iso = (ms: number) => new Date(ms).toISOString()
const NONCE_BYTES = 16
/** Old secrets that may sign beside the newest. */
const OLD_SECRETS = 2

export class WebhookDesk {
  readonly #agent: Agent
  readonly #account: Account

  constructor(agent: Agent, account: Account) {
    this.#agent = agent
    this.#account = account
  }

  complaintOf(url: string): string | undefined {
    return urlComplaint(url, this.#agent.settings.transmitter.privateDestinations)
  }

  list() {
    return webhooksOf(this.#agent.store, this.#account.id).map((one) => this.#view(one))
  }

  find(id: number) {
    const found = this.#find(id)
    return found && this.#view(found)
  }

  /** It is told of what happens from now on. @throws DiskError */
  async make({ url, events = [], description = '', enabled = true }: WebhookWish & { url: string }) {
    const { store, world } = this.#agent
    const nowMs = world.clock.now()
    const settings: WebhookSettings = {
      ...{ url, events, description, enabled, createdMs: nowMs, sinceMs: nowMs, after: store.lastEventId() },
      secrets: [{ nonce: this.#nonce() }],
    }
    const [result] = await store.commit([putWebhook(this.#account.id, settings)])
    if (!result!.ok) return { complaint: result!.message }
    return this.#withSecret({ ...settings, id: result!.id!, account: this.#account.id })
  }

  /** @throws DiskError */
  async change(id: number, wish: WebhookWish) {
    const found = this.#find(id)
    if (found === undefined) return undefined
    const said = Object.fromEntries(Object.entries(wish).filter(([, value]) => value !== undefined))
    const sinceMs = wish.enabled === true ? this.#agent.world.clock.now() : found.sinceMs
    return this.#view(await this.#put(id, { ...found, ...said, sinceMs }))
  }

  /** A new secret; the old one signs beside it for a day. @throws DiskError */
  async rotate(id: number) {
    const found = this.#find(id)
    if (found === undefined) return undefined
    const untilMs = this.#agent.world.clock.now() + ROTATION_MS
    const old = found.secrets.slice(0, OLD_SECRETS).map((one) => ({ untilMs, ...one }))
    return this.#withSecret(await this.#put(id, { ...found, secrets: [{ nonce: this.#nonce() }, ...old] }))
  }

  /** @throws DiskError */
  async remove(id: number): Promise<boolean> {
    const found = this.#find(id)
    if (found === undefined) return false
    const { store } = this.#agent
    const { id: account } = this.#account
    const { object } = progressOf(store, found)
    await store.commit([
      { kind: 'object.remove', account, of: 'webhook', id },
      ...(object === undefined
        ? []
        : [{ kind: 'object.remove', account, of: 'webhook-progress', id: object } as const]),
    ])
    return true
  }

  /** Tells it of nothing, now; what it said. */
  async test(id: number) {
    const found = this.#find(id)
    if (found === undefined) return undefined
    const { world } = this.#agent
    const body = { type: 'webhook.test', timestamp: iso(world.clock.now()), data: { webhook: nameOf(id) } }
    const name = eventName(this.#agent, `test ${world.random.bytes(12).toString('hex')}`)
    const { state, said } = await post(this.#agent, found, name, Buffer.from(JSON.stringify(body)))
    return { taken: state === 'taken', answer: said }
  }

  async #put(id: number, { id: _, account, ...settings }: Webhook): Promise<Webhook> {
    const [result] = await this.#agent.store.commit([putWebhook(account, settings, id)])
    if (!result!.ok) throw new Error(`a webhook was not kept: ${result!.message}`)
    return { ...settings, id, account }
  }

  #find(id: number): Webhook | undefined {
    return webhooksOf(this.#agent.store, this.#account.id).find((one) => one.id === id)
  }

  #nonce(): string {
    return this.#agent.world.random.bytes(NONCE_BYTES).toString('base64url')
  }

  #withSecret(webhook: Webhook) {
    const [secret] = secretsOf(this.#agent, webhook, this.#agent.world.clock.now())
    return { ...this.#view(webhook), secret: secret! }
  }

  #view(webhook: Webhook) {
    const progress = progressOf(this.#agent.store, webhook)
    const { failingSinceMs, lastFailure, lastSuccessMs, stoppedMs = 0, skipped } = progress
    const isOn = isTold(webhook, progress)
    return {
      id: nameOf(webhook.id),
      url: webhook.url,
      events: webhook.events,
      description: webhook.description,
      createdAt: iso(webhook.createdMs),
      state: !webhook.enabled ? 'disabled' : !isOn ? 'stopped' : failingSinceMs === undefined ? 'active' : 'failing',
      skipped,
      ...(failingSinceMs !== undefined && { failingSince: iso(failingSinceMs) }),
      ...(lastFailure !== undefined && { lastFailure }),
      ...(lastSuccessMs !== undefined && { lastSuccess: iso(lastSuccessMs) }),
      ...(!isOn && stoppedMs > 0 && { stoppedAt: iso(stoppedMs) }),
    }
  }
}

const nameOf = (id: number) => `wh_${id}`
